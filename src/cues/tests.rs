//! Real phrasing, the hard ones first.

use std::path::Path;

use super::*;

fn cues() -> &'static Cues {
    static CUES: std::sync::OnceLock<Cues> = std::sync::OnceLock::new();
    CUES.get_or_init(|| Cues::load(Path::new("data")).unwrap_or_else(|e| panic!("{e}")))
}

fn found(text: &str, channel: &str) -> Findings {
    let found = cues().apply(
        text,
        std::iter::once(0..text.len()),
        channel,
        Some((2026, 3, 10)),
        &mut Scratch::default(),
    );
    let fired = found.fired.iter().filter_map(|f| f.range.as_ref());
    for range in fired.chain(&found.withheld) {
        assert!(
            text.get(range.clone()).is_some(),
            "a border inside a character"
        );
    }
    found
}

fn fired(text: &str, channel: &str) -> Vec<String> {
    let fired = found(text, channel).fired;
    let rules = fired.iter().map(|f| &cues().rules()[f.rule as usize]);
    rules.map(|r| r.id.clone()).collect()
}

fn denied(text: &str) -> Vec<(String, Ground)> {
    let denied = found(text, "hotline").denied;
    let named = |d: &Denied| (cues().rules()[d.rule as usize].id.clone(), d.ground);
    denied.iter().map(named).collect()
}

#[track_caller]
fn fires(text: &str, rule: &str) {
    let found = fired(text, "hotline");
    assert!(found.iter().any(|f| f == rule), "{text}: {found:?}");
}

#[track_caller]
fn silent(text: &str, rule: &str) {
    let found = fired(text, "hotline");
    assert!(!found.iter().any(|f| f == rule), "{text}: {found:?}");
}

#[test]
fn negated_quoted_and_past_cues_do_not_count() {
    fires("再这样下去我真的不想活了", "safety.self_harm");
    silent("我没有想不开,就是问问", "safety.self_harm");
    silent("我不是想不开的人", "safety.self_harm");
    silent("他说“我要跳楼”,跟我没关系", "safety.self_harm");
    fires("我说“我要跳楼”你们都不管", "safety.self_harm");
    silent("去年曾经想过自杀,现在好了", "safety.self_harm");
    fires("不是没想过跳楼", "safety.self_harm");
    silent("不是要曝光你们,只想要个说法", "threat.media");
    fires("再不处理我就找媒体曝光", "threat.media");
    silent("催收说已起诉我", "sued");
    fires("我已经向法院递交了起诉状,法院已立案", "sued");
    silent("派出所已经立案了", "sued");
}

#[test]
fn numbers_stand_on_the_right_side_of_the_limits() {
    fires("我们一共20个人现在都在你们网点大厅等着", "group.in_person");
    silent("我们一共19个人现在都在你们网点大厅等着", "group.in_person");
    fires("我们一共19个人现在都在你们网点大厅等着", "group.five");
    fires("我们5个人联名投诉", "group.five");
    silent("我们四个人联名投诉", "group.five");
    fires("我们四个人联名投诉", "group.two");
    silent("我打了三个人的电话", "group.two");
    fires("一共少了50000元", "large");
    fires("被转走五万块", "large");
    silent("一共少了49999元", "large");
    silent("保额50万的保险", "large");
    fires("我今年60岁了", "vulnerable.age");
    silent("我今年59岁", "vulnerable.age");
    fires("3天前卡被盗刷", "fraud.recent");
    silent("4天前卡被盗刷", "fraud.recent");
    fires("3月8号卡被盗刷了一千", "fraud.recent");
}

#[test]
fn a_forward_is_a_fact_of_the_channel() {
    assert_eq!(fired("想问一下营业时间", "regulator"), ["forwarded"]);
    assert!(fired("想问一下营业时间", "app").is_empty());
}

#[test]
fn amounts_are_read_in_every_spelling() {
    for (text, yuan) in [
        ("扣了12,800元", 12800.0),
        ("三万五没了", 35000.0),
        ("1.2万元", 12000.0),
        ("两千块钱", 2000.0),
        ("5w被转走", 50000.0),
        ("八十多万", 800000.0),
        ("三千五百二十元", 3520.0),
        ("0.5元", 0.5),
        ("四万九千九百九十九元", 49999.0),
        ("二十万零五百元", 200500.0),
        ("亏了上百万", 1e6),
        ("百万元没了", 1e6),
    ] {
        let found = found(text, "");
        let fen: Vec<i64> = found.facts.amounts.iter().map(|a| a.fen).collect();
        assert_eq!(fen, [(yuan * 100.0) as i64], "{text}");
    }
    for text in [
        "10万人在看",
        "公元前",
        "工号80231",
        "买了百万医疗险",
        "千万别再打",
        "五万以下不用公证",
    ] {
        let found = found(text, "");
        assert_eq!(found.facts.amounts, [], "{text}");
    }
}

#[test]
fn demands_respect_negation() {
    let found = found("不要你们道歉,只要退钱", "");
    let demands = found.demands.iter();
    let names: Vec<&str> = demands.map(|d| cues().demand_name(d)).collect();
    assert_eq!(names, ["退款"]);
}

#[test]
fn denial_reaches_through_its_clause_and_no_further() {
    silent("我可没说要打12378投诉", "threat.regulator");
    fires("我可没说,不退我就打12378投诉", "threat.regulator");
    silent("我又没想着把聊天记录发到网上", "threat.media");
    silent("我不至于为这点事去金融监管局递材料", "threat.regulator");
    silent("我没要曝光你们,也不会向法院起诉", "threat.legal");
    fires("我没要曝光你们,但是我会向法院起诉", "threat.legal");
    // 我 begins another matter where speech recognition writes no marks.
    fires("没有人管我就找媒体曝光", "threat.media");
    // Longer words hold no negation.
    fires("我不是没想过找媒体", "threat.media");
    fires("别人不管我也要找记者曝光", "threat.media");
    fires("再不处理我无论如何都要起诉你们", "threat.legal");
}

#[test]
fn what_others_say_is_not_said_by_the_complainant() {
    silent("催收打电话讲已经起诉我了下周开庭", "sued");
    silent("客服对我说你去银保监投诉好了", "threat.regulator");
    fires("我跟客服说要去银保监投诉", "threat.regulator");
    // A crime that a third person admits is one all the same.
    fires("柜员说那个签名是她代签的", "staff");
    fires("你们经理说好三天退,到今天没退", "promise");
}

#[test]
fn settled_conditional_and_foreign_matters_do_not_count() {
    fires("我的养老金卡被冻结了取不出来", "livelihood");
    silent("此前我投诉过,你们已妥善解决", "repeat");
    fires("此前我投诉过,你们一直没解决", "repeat");
    silent("请问业务员代签了怎么办", "staff");
    silent("万一我的身份证照片被发到群里", "leak");
    silent("我老公是记者来了三次,跟这事无关", "media.spreading");
    silent("当初要是起诉了就好了", "threat.legal");
    silent("我朋友被她那个代理人代签过名", "staff");
}

#[test]
fn a_cue_that_does_not_count_is_a_signal_and_its_words_are_withheld() {
    let text = "我不打算找记者曝光";
    assert_eq!(denied(text), [("threat.media".to_owned(), Ground::Negated)]);
    let found = found(text, "web");
    assert!(found.withheld.iter().any(|r| &text[r.clone()] == "曝光"));
    let signals = cues().signals(&found);
    let names: Vec<(char, &str)> = signals.iter().map(|s| (s.kind, s.name)).collect();
    assert_eq!(names, [('q', "threat.media")]);
    assert_eq!(
        denied("这是我第一次投诉"),
        [("repeat".to_owned(), Ground::Contrary)]
    );
    assert_eq!(
        denied("我的卡五天前被人盗刷了一千二"),
        [("fraud.recent".to_owned(), Ground::Late)]
    );
    assert_eq!(denied("我的卡两天前被人盗刷了一千二"), []);
    // What fires is not denied as well.
    assert_eq!(denied("我没说曝光,我现在就找记者曝光"), []);
    assert_eq!(denied("再不退我就找记者曝光"), []);
    for (text, ground) in [
        ("《信用卡监管办法》,我要投诉", Ground::Quoted),
        ("听说有人要找记者曝光", Ground::Foreign),
        ("以前想过找记者曝光", Ground::Past),
    ] {
        assert!(denied(text).iter().any(|d| d.1 == ground), "{text}");
    }
}

#[test]
fn those_who_join_are_counted_and_those_who_stand_by_are_not() {
    let people = |text: &str| found(text, "web").facts.people.map(|p| p.value);
    assert_eq!(people("我和三个同事一起投诉"), Some(4));
    assert_eq!(people("班里七个家长跟我一起投诉"), Some(8));
    assert_eq!(people("我们夫妻俩都要投诉"), Some(2));
    assert_eq!(people("二十名会员联名写信"), Some(20));
    assert_eq!(people("我们十二户一起打电话来投诉"), Some(12));
    for text in [
        "大厅里三十个人在排队",
        "柜台里坐着六个员工都不办业务",
        "我们楼上十二户,只有我家买了",
        "我前后问了五个客服",
        "听说有五个人一起去告了",
        "我和其他十一名客户无关,要求退费",
    ] {
        assert_eq!(people(text), None, "{text}");
    }
    assert!(found("就我一个人投诉", "web").facts.alone);
}

#[test]
fn days_count_from_the_event_nearest_to_the_cue() {
    fires("上周办的卡昨天被盗刷", "fraud.recent");
    silent("今天来问,五天前我的卡被盗刷", "fraud.recent");
    silent("大大前天,不,上个月我的卡被盗刷", "fraud.recent");
    silent("1月9日我的卡被盗刷", "fraud.recent");
    fires("3月9日我的卡被盗刷", "fraud.recent");
}

#[test]
fn sums_in_dispute_are_told_from_contracts_and_from_others_money() {
    for text in [
        "房贷一共贷了一百八十万,多收利息三百元",
        "我年收入六十万",
        "额度从八万降到三万",
        "早年炒股亏过六万,跟你们无关",
        "十万播放的视频",
    ] {
        silent(text, "large");
    }
    fires("我们三个人每人被扣三万元", "large");
    silent("我们三个人每人被扣三百元", "large");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[0-9一二三十百千万元块日月号人岁天前没有不是“”《》，。a-z曝光起诉跳楼 \\n]{0,60}") {
        // `found` asserts the borders; a used workspace leaves nothing behind.
        let first = found(&text, "hotline");
        let mut scratch = Scratch::default();
        cues().apply("催收说“我们二十个人被盗刷五万元”,没打算曝光", std::iter::once(0..30), "", None, &mut scratch);
        let again = cues().apply(&text, std::iter::once(0..text.len()), "hotline", Some((2026, 3, 10)), &mut scratch);
        proptest::prop_assert_eq!(first, again);
    }
}
