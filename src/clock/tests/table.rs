//! `clock.toml`: every slip is found, with its line and all together.

use super::*;
use crate::error::Error;

#[test]
fn an_article_from_memory_is_never_shown() {
    let due = due_of(&CLOCK, "2025-03-03", "", &["payment"]);
    assert_eq!(by(&due, "payment_answer"), "2025-03-18");
    assert_eq!(by(&due, "payment_answer_extended"), "2025-05-02");
    for date in &due.parallel {
        assert_eq!(
            date.article,
            Some("《中国人民银行金融消费者权益保护实施办法》（条文未核实）")
        );
        assert_eq!(date.mark, Mark::M);
    }
    let json = serde_json::to_string(&due).unwrap();
    assert!(
        json.contains(r#""by":"2025-03-18","article":"《中国"#),
        "{json}"
    );
}

#[track_caller]
fn faults_of(text: &str) -> Vec<String> {
    match ClockRules::parse(Path::new("clock.toml"), text) {
        Err(Error::Config(faults)) => faults.iter().map(|f| f.to_string()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_slip_in_the_table_is_found() {
    let table = table();
    for (from, to, fault) in [
        (
            "conservative = false",
            "conservative = \"no\"",
            "`conservative` is neither true nor false",
        ),
        ("conservative = false", "", "`conservative` is neither"),
        ("\"80%\"", "\"180%\"", "`warn_at` cannot be read"),
        ("\"T-2d\"", "2", "`warn_at` cannot be read"),
        ("limit = \"15d\"", "limit = \"15\"", "`limit`: not a span"),
        (
            "limit = \"15d\"",
            "limit = \"15wd\"",
            "`answer_simple` is not in natural days",
        ),
        ("limit = \"15d\"", "limit = 15", "`limit` is no text"),
        (
            "limit = \"15d\"",
            "limits = \"15d\"",
            "unknown key `limits`",
        ),
        (
            "limit = \"15d\"",
            "limit = \"30d\"",
            "the answer limits do not grow",
        ),
        (
            "in_force = 2020-03-01",
            "in_force = \"2020-03-01\"",
            "`in_force` is no date",
        ),
        (
            "mark = \"V\"\nnote = \"事实",
            "mark = \"X\"\nnote = \"事实",
            "`mark`: expected V, S, M or D",
        ),
        (
            "mark = \"V\"\nnote = \"事实",
            "mark = \"M\"\nnote = \"事实",
            "`article` has no meaning here: delete it: an article from memory",
        ),
        (
            "mark = \"V\"\nnote = \"事实",
            "mark = \"D\"\nnote = \"事实",
            "`law` has no meaning here",
        ),
        (
            "duty = \"complainant\"",
            "duty = \"customer\"",
            "`duty`: expected institution, complainant or regulator",
        ),
        ("duty = \"complainant\"", "", "`duty` is missing: add it"),
        ("article = \"第十五条\"", "", "`article` is missing: add it"),
        (
            "article = \"第十五条\"",
            "article = \" \"",
            "`article` is no text",
        ),
        (
            "article = \"第十五条\"",
            "article = \"第十五条\"\nlimit = \"1d\"",
            "`limit` has no meaning here",
        ),
        (
            "[rule.withdrawn]",
            "[rule.withdrawal]",
            "unknown rule `withdrawal`: use one of: answer_simple",
        ),
        (
            "[rule.withdrawn]",
            "[rule.withdrawal]",
            "[rule.withdrawn] is missing",
        ),
        (
            "[law.insurance_law]",
            "[law.insurance]",
            "[law.insurance_law] is missing",
        ),
        (
            "title = \"《中华人民共和国保险法》\"",
            "",
            "`title` is missing",
        ),
        (
            "id = \"claim_pay\"",
            "id = \"claim_assess\"",
            "`claim_assess` is taken",
        ),
        (
            "id = \"claim_pay\"",
            "id = \"withdrawn\"",
            "`withdrawn` is taken",
        ),
        (
            "from = \"claim_agreed\"",
            "from = \"agreed\"",
            "`from`: expected received, claim_filed",
        ),
        (
            "if_unknown = \"omit\"",
            "if_unknown = \"guess\"",
            "`if_unknown`: expected received or omit",
        ),
        ("name = \"surrender\"", "", "`name` is missing"),
        (
            "未核对条文；",
            "第十七条，未核对；",
            "an unverified line (mark M) names an article",
        ),
        ("[count]", "[counts]", "unknown key `counts`"),
        ("[count]", "[counts]", "[count] is missing"),
        ("[count]", "[count", "mend the TOML syntax"),
        (
            "[rule.withdrawn]",
            "[rule.answer_simple]",
            "mend the TOML syntax",
        ),
    ] {
        let broken = table.replacen(from, to, 1);
        assert_ne!(broken, table, "{from}");
        let faults = faults_of(&broken);
        assert!(
            faults.iter().any(|f| f.contains(fault)),
            "{from} -> {to}: {faults:#?}"
        );
    }
    let three = table
        .replacen("limit = \"15d\"", "limit = \"15\"", 1)
        .replacen("in_force = 2020-03-01", "in_force = 1", 1)
        .replacen("from = \"claim_agreed\"", "form = \"claim_agreed\"", 1);
    let faults = faults_of(&three);
    assert_eq!(faults.len(), 4, "{faults:#?}"); // `form` unknown, `from` missing
    assert!(faults[0].starts_with("clock.toml:"));
    assert!(faults_of("").len() >= 3);
}

#[test]
fn a_table_may_begin_with_a_byte_order_mark_and_loads_alike() {
    let text = format!("\u{feff}{}", table());
    let rules = ClockRules::parse(Path::new("clock.toml"), &text).unwrap();
    assert_eq!(&rules, CLOCK.rules());
    // Texts are kept once: the same address on every load.
    let id = RuleId::AnswerSimple;
    assert!(std::ptr::eq(
        rules.rule(id).label,
        CLOCK.rules().rule(id).label
    ));
}

#[test]
fn faults_of_both_files_come_together() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("clock.toml"), "x = 1").unwrap();
    std::fs::write(
        dir.path().join("calendar.csv"),
        "date,kind,name\n2026,holiday,x\n",
    )
    .unwrap();
    let shown = Clock::load(dir.path()).unwrap_err().to_string();
    assert!(
        shown.contains("clock.toml:1: unknown key `x`")
            && shown.contains("calendar.csv:2: not a date"),
        "{shown}"
    );
    std::fs::remove_file(dir.path().join("clock.toml")).unwrap();
    assert!(matches!(Clock::load(dir.path()), Err(Error::Io { .. })));
}

#[test]
fn faults_stand_at_the_line_of_the_slip() {
    let table = table();
    for (from, to) in [
        ("conservative = false", "conservative = 0"),
        ("warn_at = [", "warn_at = [1, "),
        ("in_force = 2020-11-01", "in_force = 1"),
        ("limit = \"60d\"", "limit = \"60\""),
        ("[rule.withdrawn]\n", "[rule.withdrawn]\ncolour = 1\n"),
        ("[rule.notice_proof]", "[rule.notice]"),
        (
            "law = \"insurance_law\"\narticle = \"第四十七条\"",
            "law = \"insurance\"\narticle = \"第四十七条\"",
        ),
        ("from = \"claim_agreed\"", "from = \"agreed\""),
        ("name = \"payment\"\n", "name = \"\"\n"),
    ] {
        let broken = table.replacen(from, to, 1);
        let same = table
            .bytes()
            .zip(broken.bytes())
            .take_while(|(a, b)| a == b)
            .count();
        let line = 1 + table.as_bytes()[..same]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        let faults = faults_of(&broken);
        let place = format!("clock.toml:{line}: ");
        assert!(
            faults.iter().any(|f| f.starts_with(&place)),
            "{to} {place} {faults:#?}"
        );
    }
}
