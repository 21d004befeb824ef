//! Laws of the room by random input, and examples of each of its parts as a whole.

use proptest::prelude::*;

use super::*;

fn cleaner() -> &'static Cleaner {
    static C: std::sync::OnceLock<Cleaner> = std::sync::OnceLock::new();
    C.get_or_init(|| {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/clean");
        Cleaner::load(&dir).unwrap_or_else(|e| panic!("{e}"))
    })
}

fn clean(raw: &str) -> String {
    cleaner().apply(raw).text().to_owned()
}

/// Everything that must hold for any input.
fn laws(raw: &str) {
    let c = cleaner().apply(raw);
    let text = c.text();
    assert_eq!(clean(text), text, "not idempotent: {raw:?}");
    let mut end = 0;
    for m in c.masks() {
        assert!(end <= m.range.start && m.range.start < m.range.end && m.range.end <= text.len());
        assert!(text.is_char_boundary(m.range.start) && text.is_char_boundary(m.range.end));
        assert!(raw.get(m.original.clone()).is_some(), "{raw:?} {m:?}");
        assert_eq!(c.original(m.range.clone()), m.original);
        assert!(text[m.range.clone()].starts_with('〔') && text[..m.range.end].ends_with('〕'));
        end = m.range.end;
    }
    let mut end = 0;
    for t in c.turns() {
        assert!(end <= t.range.start && t.range.start < t.range.end);
        assert!(text.get(t.range.clone()).is_some());
        end = t.range.end;
    }
    for (i, ch) in text.char_indices() {
        let r = c.original(i..i + ch.len_utf8());
        assert!(raw.get(r.clone()).is_some(), "{raw:?} {r:?}");
    }
    assert!(c.deciding().all(|r| text.get(r).is_some()));
}

/// Pieces that meet in real complaints, and the nastiest of those that do not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "我叫",
            "王伟",
            "王建国",
            "欧阳建平",
            "先生",
            "女士",
            "身份证号",
            "11010519491231002X",
            "13800138000",
            "138 0013 8000",
            "１３８００１３８０００",
            "幺三八，零零幺三，八零零零",
            "卡号",
            "6222020200123456789",
            "6222 0202 0012 3456 789",
            "，",
            "。",
            "！！",
            "……",
            "...",
            "\n",
            " ",
            "　",
            "客户：",
            "客服：",
            "客服A123：",
            "嗯，",
            "就是说",
            "那个",
            "〔手机1〕",
            "〔姓名2〕",
            "〔",
            "〕",
            "保单号",
            "PA20230512000188",
            "订单号是",
            "微信",
            "wxid_ab12cd",
            "QQ",
            "123456789",
            "密码是",
            "abc123",
            "a@b.cn",
            "@",
            "杭州市西湖区文三路138号",
            "3栋2单元502室",
            "住",
            "京A12345",
            "浙A·D12345",
            "E12345678",
            "0571-88886666",
            "转801",
            "400-820-8888",
            "12378",
            "1,234.56元",
            "2023-05-12",
            "10:22",
            "的",
            "在",
            "是",
            "的电话",
            "投诉人：",
            "客户经理",
            "\u{200b}",
            "哈哈哈哈哈",
            "零零零零零",
            "①",
            "㈱",
            "ﬁ",
            "é",
            "😀",
            "\r\n",
            "A：",
            "B：",
            "您好",
            "¥",
            "+86",
            "-",
            ".",
            ",",
            ":",
            "\"",
            "（",
            "）",
            "後",
            "於",
            "帳號",
            "验证码",
            "艾特",
            "点com",
            "三个零",
            "有效期",
            "09/27",
            "后三位",
            "本人",
            "、",
            "和",
            "号",
            "路",
            "村三组",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,3}",
        "[0-9 .,-]{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000_000))]

    #[test]
    fn laws_hold_for_mixed_pieces(pieces in prop::collection::vec(piece(), 0..14)) {
        laws(&pieces.concat());
    }

    #[test]
    fn laws_hold_for_any_text(raw in "(?s).{0,60}") {
        laws(&raw);
    }

    #[test]
    fn normalising_twice_is_normalising_once(pieces in prop::collection::vec(piece(), 0..14)) {
        let n = &cleaner().normaliser;
        let once = n.apply(&pieces.concat()).text;
        prop_assert_eq!(n.apply(&once).text, once);
    }

    #[test]
    fn a_mobile_number_never_survives(rest in "[3-9][0-9]{9}", form in 0usize..6, before in "[的，电话\\n ]{0,3}") {
        let d = format!("1{rest}");
        let (a, b, c) = (&d[..3], &d[3..7], &d[7..]);
        let said: String = d.chars().map(|c| "零幺二三四五六七八九".chars().nth(c as usize - 48).unwrap()).collect();
        let full: String = d.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect();
        let raw = match form {
            0 => format!("{before}{d}，请回电"),
            1 => format!("{before}{a} {b} {c}，请回电"),
            2 => format!("{before}{a}-{b}-{c}，请回电"),
            3 => format!("{before}+86 {d}，请回电"),
            4 => format!("{before}{full}，请回电"),
            _ => format!("{before}{said}，请回电"),
        };
        let c = cleaner().apply(&raw);
        prop_assert_eq!(c.masks().len(), 1, "{}", c.text());
        prop_assert!(!c.text().contains(|ch: char| ch.is_ascii_digit() && ch != '1'), "{}", c.text());
    }
}

#[test]
fn a_mask_beside_its_own_brackets_stays() {
    laws("〔〔〔wxid_ab12cdN$");
    laws("wxid_ab12cd〕〕〕〕");
}

#[test]
fn hard_inputs_pass_the_laws() {
    let long = "客服：您好客户：我要投诉，我叫王建国，电话13800138000。".repeat(400);
    for raw in [
        "",
        "的",
        " ",
        "\n\n",
        "〔手机1〕",
        "〔手机01〕〔手机99999〕",
        "〔2020〕3号",
        "😀😀😀😀😀",
        "。",
        "嗯",
        "嗯，嗯。",
        &long,
    ] {
        laws(raw);
    }
    assert_eq!(cleaner().apply("").turns(), []);
    assert!(long.chars().count() > 12_000);
}

#[test]
fn marks_and_spaces_have_one_spelling() {
    for (raw, want) in [
        ("投诉!!!你们,太过分了...", "投诉！你们，太过分了…"),
        ("１２３ＡＢＣ", "123ABC"),
        ("我 要 投 诉 ATM 机", "我要投诉 ATM 机"),
        ("信用卡\u{200b}被盗\t刷", "信用卡被盗刷"),
        ("帳戶餘額", "账户余额"),
        ("哈哈哈哈哈哈", "哈哈哈"),
        ("100000元", "100000元"),
        ("扣了1,234.56元,10:22到账.", "扣了1,234.56元，10:22到账。"),
        ("①退款②道歉", "①退款②道歉"),
        ("好\"的\"", "好“的”"),
        ("嗯，我想问一下，就是说，这个费用", "我想问一下，这个费用"),
        ("客户：呃我要投诉", "客户：我要投诉"),
        ("他呃逆不止", "他呃逆不止"),
    ] {
        assert_eq!(clean(raw).replace('帐', "账"), want, "{raw}");
    }
}

#[test]
fn each_kind_is_masked() {
    for (raw, want) in [
        (
            "我叫王建国，电话13800138000",
            "我叫〔姓名1〕，电话〔手机1〕",
        ),
        (
            "王先生说王建国先生找王先生",
            "〔姓名1〕先生说〔姓名2〕先生找〔姓名1〕先生",
        ),
        (
            "手机138 0013 8000，13800138000，139-0013-9000",
            "手机〔手机1〕，〔手机1〕，〔手机2〕",
        ),
        (
            "记一下幺三八，零零幺三，八零零零谢谢",
            "记一下〔手机1〕谢谢",
        ),
        ("身份证11010519491231002X", "身份证〔身份证1〕"),
        ("身份证号是110105194912310021", "身份证号是〔身份证1〕"),
        ("旧身份证110105491231002", "旧身份证〔身份证1〕"),
        (
            "我的卡6222 0202 0012 3456 789被盗刷",
            "我的卡〔银行卡1〕被盗刷",
        ),
        ("银行卡号6226000000000004", "银行卡号〔银行卡1〕"),
        ("单位电话0571-88886666转801", "单位电话〔座机1〕"),
        ("座机88886666", "座机〔座机1〕"),
        (
            "护照E12345678，通行证H1234567890",
            "护照〔护照1〕，通行证〔通行证1〕",
        ),
        ("车牌浙A·D12345和京A12345", "车牌〔车牌1〕和〔车牌2〕"),
        ("公司代码91990000MA0000001B", "公司代码〔信用代码1〕"),
        (
            "保单号：PA2023051200001、PA2023051200002",
            "保单号：〔保单号1〕、〔保单号2〕",
        ),
        ("合同编号为HT-2023-000188", "合同编号为〔合同号1〕"),
        (
            "流水号20230512889900，工单号 2023051288990011",
            "流水号〔单号1〕，工单号 〔单号2〕",
        ),
        ("发到zhang.san@example.com.cn", "发到〔邮箱1〕"),
        (
            "微信号wang_2020，QQ号123456789",
            "微信号〔微信号1〕，QQ号〔QQ号1〕",
        ),
        (
            "家住杭州市西湖区文三路138号翠苑小区3栋2单元502室",
            "家住〔地址1〕",
        ),
        (
            "密码是abc123，验证码发给他482913",
            "密码是〔密码1〕，验证码发给他〔密码2〕",
        ),
        (
            "客服：请问怎么称呼您？\n客户：李秀兰。",
            "客服：请问怎么称呼您？\n客户：〔姓名1〕。",
        ),
        ("联系人：次仁卓玛", "联系人：〔姓名1〕"),
        ("我是阿依古丽·买买提", "我是〔姓名1〕"),
        ("欧阳女士在吗", "〔姓名1〕女士在吗"),
    ] {
        assert_eq!(clean(raw), want);
    }
}

#[test]
fn what_is_nobodys_stays() {
    for raw in [
        "我打12378、12363、12345、95588、110都没用，又打400-820-8888和96110",
        "扣了我13800138000元",
        "每月还1500.00元，共36期，年化15.4%",
        "2023年5月12日10:22，第12条第3款",
        "尾号3391的卡",
        "工号102938",
        "《银行保险机构消费者权益保护管理办法》第三十条",
        "我叫了半天没人理",
        "本人于昨日到江澄银行西湖支行办理",
        "我是客户，我是来投诉的",
        "任何人都不能马上张口就来",
        "我在杭州开的户，江苏分行不认",
        "对方先生态度不好",
        "密码输错3次",
        "一个月三百六十八元",
        "王某说的",
        "保单3391号",
        "高先进设备",
    ] {
        assert_eq!(clean(raw), raw);
    }
}

#[test]
fn masks_that_stand_keep_their_number() {
    let c = cleaner().apply("〔手机3〕说13800138000");
    assert_eq!(c.text(), "〔手机3〕说〔手机4〕");
    assert_eq!(c.masks().len(), 2);
    assert_eq!(
        c.masks()[1].original,
        "〔手机3〕说".len().."〔手机3〕说13800138000".len()
    );
}

#[test]
fn turns_are_told_apart() {
    use Speaker::*;
    let says = |raw: &str| -> Vec<(Speaker, String)> {
        let c = cleaner().apply(raw);
        c.turns()
            .iter()
            .map(|t| (t.speaker, c.text()[t.range.clone()].to_owned()))
            .collect()
    };
    let two = |a: &str, b: &str| vec![(Agent, a.to_owned()), (Customer, b.to_owned())];
    for raw in [
        "客服：请讲\n客户：我要投诉",
        "坐席: 请讲\n客户: 我要投诉",
        "客服A123：请讲\n客户：我要投诉",
        "【客服】请讲\n【客户】我要投诉",
        "[00:01:20] 客服：请讲\n[00:01:23] 客户：我要投诉",
        "2026-03-01 10:22:01 坐席\n请讲\n2026-03-01 10:22:09 客户\n我要投诉",
        "客服 10:22\n请讲\n客户 10:23\n我要投诉",
        "客服\n请讲\n客户\n我要投诉",
        "客服：请讲客户：我要投诉",
        "客服（工号1023）：请讲\n客户：我要投诉",
    ] {
        assert_eq!(says(raw), two("请讲", "我要投诉"), "{raw}");
    }
    let c = says("A：您好，请问有什么可以帮您\nB：我要投诉");
    assert_eq!((c[0].0, c[1].0), (Agent, Customer));
    let c = says("B：你好\nA：您好，很高兴为您服务\nB：我要投诉");
    assert_eq!((c[0].0, c[1].0), (Customer, Agent));
    for raw in [
        "投诉人：王某，银行不退钱",
        "客户：张某\n电话：无\n诉求：退款",
        "客户：我要投诉",
        "方案有A：退款。B：换卡。",
    ] {
        let c = cleaner().apply(raw);
        assert_eq!(
            (c.turns().len(), c.turns()[0].speaker),
            (1, Unknown),
            "{raw}"
        );
    }
    let c = cleaner().apply("客服：您好客服：请讲");
    let whole = 0..c.text().len();
    assert_eq!(
        c.deciding().collect::<Vec<_>>(),
        std::slice::from_ref(&whole)
    );
}

#[test]
fn original_leads_back() {
    let raw = "你们好！！！电话１３８００１３８０００，\u{200b}谢谢";
    let c = cleaner().apply(raw);
    assert_eq!(c.text(), "你们好！电话〔手机1〕，谢谢");
    assert_eq!(
        &raw[c.masks()[0].original.clone()],
        "１３８００１３８０００"
    );
    let at = c.text().find("谢谢").unwrap();
    assert_eq!(&raw[c.original(at..c.text().len())], "谢谢");
    assert_eq!(c.original(0..usize::MAX), 0..raw.len());
}

#[test]
fn debug_shows_no_text() {
    let shown = format!("{:?}", cleaner().apply("我叫王建国"));
    assert!(!shown.contains("我") && !shown.contains("王"), "{shown}");
}

#[test]
fn all_faults_of_the_tables_come_together() {
    let dir = std::env::temp_dir().join(format!("xiaobao-clean-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/clean");
    for f in std::fs::read_dir(data).unwrap() {
        let f = f.unwrap();
        std::fs::copy(f.path(), dir.join(f.file_name())).unwrap();
    }
    std::fs::write(
        dir.join("cues.csv"),
        "cue,class\n我叫,nonsense\n〔坏,phone\n",
    )
    .unwrap();
    std::fs::write(
        dir.join("speakers.csv"),
        "word,speaker,more\n客服,agent,1\n",
    )
    .unwrap();
    std::fs::remove_file(dir.join("links.csv")).unwrap();
    let error = Cleaner::load(&dir).err().unwrap().to_string();
    std::fs::remove_dir_all(&dir).unwrap();
    for part in ["cues.csv:2", "cues.csv:3", "speakers.csv:1", "links.csv"] {
        assert!(error.contains(part), "{error}");
    }
}
