//! Real phrasing, the hard ones first.

use super::*;

fn cues() -> Cues {
    Cues::load(Path::new("data")).unwrap_or_else(|e| panic!("{e}"))
}

fn fired(text: &str, channel: &str) -> Vec<String> {
    let cues = cues();
    let whole = 0..text.len();
    let found = cues.apply(
        text,
        std::slice::from_ref(&whole),
        channel,
        Some((2026, 3, 10)),
    );
    for f in &found.fired {
        if let Some(range) = &f.range {
            assert!(
                text.get(range.clone()).is_some(),
                "a border inside a character"
            );
        }
    }
    found
        .fired
        .iter()
        .map(|f| cues.rules()[f.rule as usize].id.clone())
        .collect()
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
    let cues = cues();
    for (text, yuan) in [
        ("扣了12,800元", 12800.0),
        ("三万五没了", 35000.0),
        ("1.2万元", 12000.0),
        ("两千块钱", 2000.0),
        ("5w被转走", 50000.0),
        ("八十多万", 800000.0),
        ("三千五百二十元", 3520.0),
        ("0.5元", 0.5),
    ] {
        let found = cues.apply(text, std::slice::from_ref(&(0..text.len())), "", None);
        let fen: Vec<i64> = found.facts.amounts.iter().map(|a| a.fen).collect();
        assert_eq!(fen, [(yuan * 100.0) as i64], "{text}");
    }
    for text in ["10万人在看", "公元前", "工号80231"] {
        let found = cues.apply(text, std::slice::from_ref(&(0..text.len())), "", None);
        assert_eq!(found.facts.amounts, [], "{text}");
    }
}

#[test]
fn demands_respect_negation() {
    let cues = cues();
    let text = "不要你们道歉,只要退钱";
    let found = cues.apply(text, std::slice::from_ref(&(0..text.len())), "", None);
    let names: Vec<&str> = found.demands.iter().map(|d| cues.demand_name(d)).collect();
    assert_eq!(names, ["退款"]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "[0-9一二三十百千万元块日月号人岁天前没有不是“”《》，。a-z曝光起诉跳楼 \\n]{0,60}") {
        let found = cues_once().apply(&text, std::slice::from_ref(&(0..text.len())), "hotline", Some((2026, 3, 1)));
        for f in found.fired {
            if let Some(range) = f.range {
                proptest::prop_assert!(text.get(range).is_some());
            }
        }
    }
}

fn cues_once() -> &'static Cues {
    static CUES: std::sync::OnceLock<Cues> = std::sync::OnceLock::new();
    CUES.get_or_init(cues)
}
