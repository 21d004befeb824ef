//! The answer's period: 15, 30, 60 days, extensions, pauses, new facts, warning points.

use jiff::civil::date;

use super::*;

#[test]
fn worked_examples_of_the_regulations() {
    let plain = expect("", "answer_simple", "2025-02-08", &[]);
    assert_eq!(by(&plain, "answer_complex"), "2025-02-23");
    assert_eq!(by(&plain, "answer_special"), "2025-03-25");
    assert_eq!(plain.status, Status::Open);
    assert_eq!(plain.in_force.unwrap().article, Some(ART_18_1));
    assert!(!plain.in_force.unwrap().provisional);
    // Five days of mediation before day 15.
    let pause = "paused mediation 2025-01-28..2025-02-02";
    expect(pause, "answer_simple", "2025-02-13", &[]);
    // New facts on day 10.
    expect("new_facts 2025-02-03", "answer_simple", "2025-02-18", &[]);
    let recheck = due("2025-02-20", "decided 2025-03-01; recheck_filed 2025-03-20");
    assert_eq!(by(&recheck, "recheck_file_by"), "2025-03-31");
    assert_eq!(by(&recheck, "recheck_decide_by"), "2025-04-19");
    assert_eq!(by(&due("2024-02-20", ""), "answer_simple"), "2024-03-06");
}

#[test]
fn leap_years_year_ends_and_holidays_move_nothing() {
    for (received, simple, complex, special) in [
        ("2023-02-20", "2023-03-07", "2023-03-22", "2023-04-21"),
        ("2024-02-14", "2024-02-29", "2024-03-15", "2024-04-14"),
        ("2024-02-29", "2024-03-15", "2024-03-30", "2024-04-29"),
        ("2025-12-20", "2026-01-04", "2026-01-19", "2026-02-18"),
        (
            "2025-12-31 23:59:59",
            "2026-01-15",
            "2026-01-30",
            "2026-03-01",
        ),
        // Due in the middle of the Spring Festival of 2026, and on a Sunday.
        (
            "2026-02-02 00:00:00",
            "2026-02-17",
            "2026-03-04",
            "2026-04-03",
        ),
        ("2100-02-20", "2100-03-07", "2100-03-22", "2100-04-21"),
    ] {
        let due = due(received, "");
        assert_eq!(by(&due, "answer_simple"), simple, "{received}");
        assert_eq!(by(&due, "answer_complex"), complex, "{received}");
        assert_eq!(by(&due, "answer_special"), special, "{received}");
    }
    let late = due("2026-03-01T23:30:00Z", "");
    assert_eq!(by(&late, "answer_simple"), "2026-03-17"); // 2 March in Shanghai
}

#[test]
fn extensions() {
    let complex = "extended complex 2025-02-03";
    expect(complex, "answer_complex", "2025-02-23", &[]);
    for approver in ["superior_unit", "hq_executive"] {
        let special = format!("extended special 2025-02-03 {approver} notified");
        expect(&special, "answer_special", "2025-03-25", &[]);
    }
    let both = "extended special 2025-02-23 hq_executive notified; extended complex 2025-02-08";
    expect(both, "answer_special", "2025-03-25", &[]);
    // Without approval or notice it does not count, and is not read as a complex one.
    let due = expect(
        "extended special 2025-02-03 notified",
        "answer_simple",
        "2025-02-08",
        &[Why::ExtensionUnapproved],
    );
    assert_eq!(
        due.warnings[0].to_string(),
        format!("2025-02-03：延长未经上级机构或总行（总公司）高级管理人员批准，未计（{ART_18_1}）")
    );
    expect(
        "extended special 2025-02-03 hq_executive",
        "answer_simple",
        "2025-02-08",
        &[Why::ExtensionUnnotified],
    );
    expect(
        "extended complex 2025-02-01; extended special 2025-02-03",
        "answer_complex",
        "2025-02-23",
        &[Why::ExtensionUnapproved, Why::ExtensionUnnotified],
    );
    // The last day still counts, the next one does not.
    expect(
        "extended complex 2025-02-08",
        "answer_complex",
        "2025-02-23",
        &[],
    );
    let late = [Why::ExtensionLate];
    expect(
        "extended complex 2025-02-09",
        "answer_simple",
        "2025-02-08",
        &late,
    );
    let late_special = "extended special 2025-02-09 hq_executive notified";
    expect(late_special, "answer_simple", "2025-02-08", &late);
    let twice = "extended complex 2025-02-01; extended complex 2025-02-10";
    expect(
        twice,
        "answer_complex",
        "2025-02-23",
        &[Why::ExtensionRepeated],
    );
    // The same record twice is one.
    let same = "extended complex 2025-02-01; extended complex 2025-02-01";
    expect(same, "answer_complex", "2025-02-23", &[]);
    let before = "extended complex 2025-01-23";
    expect(
        before,
        "answer_simple",
        "2025-02-08",
        &[Why::BeforeReceipt("延长")],
    );
    // A pause before the old due date makes room for an extension after it.
    let paused = "paused mediation 2025-02-01..2025-02-06; extended complex 2025-02-13";
    expect(paused, "answer_complex", "2025-02-28", &[]);
}

#[test]
fn pauses() {
    for (events, day) in [
        // One after the other, overlapping, inside one another, touching: each day once.
        (
            "paused mediation 2025-01-26..2025-01-28; paused mediation 2025-02-01..2025-02-04",
            "2025-02-13",
        ),
        (
            "paused mediation 2025-01-26..2025-01-30; paused appraisal 2025-01-28..2025-02-01 notified",
            "2025-02-14",
        ),
        (
            "paused mediation 2025-01-26..2025-02-01; paused mediation 2025-01-28..2025-01-29",
            "2025-02-14",
        ),
        (
            "paused mediation 2025-01-26..2025-01-28; paused mediation 2025-01-28..2025-02-01",
            "2025-02-14",
        ),
        // A pause of one day moves nothing; one from before the receipt counts from the receipt.
        ("paused mediation 2025-01-28..2025-01-28", "2025-02-08"),
        ("paused mediation 2025-01-10..2025-01-27", "2025-02-11"),
        ("paused mediation 2025-01-10..2025-01-24", "2025-02-08"),
        // Begun on the last day but one, ended long after the first due date.
        ("paused mediation 2025-02-07..2025-02-20", "2025-02-21"),
        // The second begins before the due date only because of the first.
        (
            "paused mediation 2025-02-01..2025-02-06; paused mediation 2025-02-10..2025-02-12",
            "2025-02-15",
        ),
        // Over the end of February of a common year.
        ("paused mediation 2025-02-05..2025-03-01", "2025-03-04"),
    ] {
        expect(events, "answer_simple", day, &[]);
    }
    let late = "paused mediation 2025-02-08..2025-02-20";
    let due = expect(late, "answer_simple", "2025-02-08", &[Why::PauseLate]);
    // For the longer periods it would have begun in time.
    assert_eq!(by(&due, "answer_complex"), "2025-03-07");
    let silent = "paused appraisal 2025-01-28..2025-02-02";
    let due = expect(
        silent,
        "answer_simple",
        "2025-02-08",
        &[Why::AppraisalUnnotified],
    );
    assert_eq!(due.warnings[0].article, Some(ART_18_2));
    let told = "paused appraisal 2025-01-28..2025-02-02 notified";
    expect(told, "answer_simple", "2025-02-13", &[]);
    let former = "paused mediation 2025-01-01..2025-01-20";
    expect(
        former,
        "answer_simple",
        "2025-02-08",
        &[Why::BeforeReceipt("暂停")],
    );
    let reversed = Event::Paused {
        why: PauseReason::Mediation,
        from: date(2025, 2, 2),
        to: Some(date(2025, 1, 28)),
        notified: true,
    };
    let due = CLOCK.due(
        &"2025-01-24".parse().unwrap(),
        &[reversed],
        &targets(4),
        &[],
    );
    assert_eq!(in_force(&due).1, "2025-02-08");
    assert_eq!(whys(&due), [&Why::PauseReversed]);
}

#[test]
fn a_pause_without_an_end() {
    let due = expect("paused mediation 2025-02-03..", "answer_simple", "-", &[]);
    let since = date(2025, 2, 3);
    assert_eq!(due.status, Status::Paused { since });
    assert_eq!(by(&due, "answer_special"), "-");
    // Half of the days had passed before; what lies behind the pause cannot be dated.
    let warn: Vec<String> = due
        .warn_at
        .iter()
        .map(|w| format!("{} {}", w.label, w.on))
        .collect();
    assert_eq!(warn, ["50% 2025-01-31"]);
    // Begun on the due date it stops only the longer periods.
    let late = "paused mediation 2025-02-08..";
    let due = expect(late, "answer_simple", "2025-02-08", &[Why::PauseLate]);
    assert_eq!(
        (due.status, by(&due, "answer_complex").as_str()),
        (Status::Open, "-")
    );
    // While it lasts, no extension and no new fact comes too late.
    let facts = "paused mediation 2025-02-03..; new_facts 2025-06-01";
    let due = expect(facts, "answer_simple", "-", &[]);
    assert_eq!(due.counted_from, date(2025, 6, 1));
    // The decision ends it, and is in time.
    let decided = "paused mediation 2025-02-03..; decided 2025-05-01";
    let due = expect(decided, "none", "-", &[]);
    assert_eq!(by(&due, "answer_simple"), "2025-05-06");
    // An end given by another record of overlapping pause does not close it.
    let two = "paused mediation 2025-02-03..; paused appraisal 2025-02-04..2025-02-06 notified";
    expect(two, "answer_simple", "-", &[]);
    let silent = "paused appraisal 2025-02-03..";
    expect(
        silent,
        "answer_simple",
        "2025-02-08",
        &[Why::AppraisalUnnotified],
    );
}

#[test]
fn new_facts_and_the_same_complaint() {
    let last = expect("new_facts 2025-02-08", "answer_simple", "2025-02-23", &[]);
    assert_eq!(last.counted_from, date(2025, 2, 8));
    assert_eq!(by(&last, "answer_special"), "2025-04-09");
    let late = expect(
        "new_facts 2025-02-09",
        "answer_simple",
        "2025-02-08",
        &[Why::NewFactsLate],
    );
    assert_eq!(late.warnings[0].article, Some(ART_18_3));
    expect(
        "new_facts 2025-02-01; new_facts 2025-02-10",
        "answer_simple",
        "2025-02-25",
        &[],
    );
    // Earlier extensions are wiped, of the same day too, even where that is sooner; later ones count.
    let special = "extended special 2025-02-03 hq_executive notified";
    expect(
        &format!("{special}; new_facts 2025-02-05"),
        "answer_simple",
        "2025-02-20",
        &[],
    );
    expect(
        &format!("{special}; new_facts 2025-02-03"),
        "answer_simple",
        "2025-02-18",
        &[],
    );
    expect(
        &format!("{special}; new_facts 2025-02-01"),
        "answer_special",
        "2025-04-02",
        &[],
    );
    expect(
        &format!("{special}; new_facts 2025-03-25"),
        "answer_simple",
        "2025-04-09",
        &[],
    );
    // Days paused after the new facts stay left out, those before belong to the former run.
    let paused = "paused mediation 2025-01-28..2025-02-02; new_facts 2025-01-30";
    expect(paused, "answer_simple", "2025-02-17", &[]);
    let before = "paused mediation 2025-01-28..2025-02-02; new_facts 2025-02-05";
    expect(before, "answer_simple", "2025-02-20", &[]);
    expect("new_facts 2025-01-24", "answer_simple", "2025-02-08", &[]);
    let early = [Why::BeforeReceipt("新事实")];
    expect(
        "new_facts 2025-01-23",
        "answer_simple",
        "2025-02-08",
        &early,
    );
    expect(
        "same_complaint 2025-02-01",
        "answer_simple",
        "2025-02-08",
        &[],
    );
}

#[test]
fn warning_points() {
    let show =
        |due: &Due| -> Vec<String> { due.warn_at.iter().map(|w| w.on.to_string()).collect() };
    let plain = due("2025-01-24", "");
    assert_eq!(show(&plain), ["2025-01-31", "2025-02-05", "2025-02-06"]);
    let special = due(
        "2025-01-24",
        "extended special 2025-02-03 hq_executive notified",
    );
    assert_eq!(show(&special), ["2025-02-23", "2025-03-13", "2025-03-23"]);
    // Half lies before the pause, four fifths behind it.
    let paused = due("2025-01-24", "paused mediation 2025-02-01..2025-02-06");
    assert_eq!(show(&paused), ["2025-01-31", "2025-02-10", "2025-02-11"]);
}

#[test]
fn conservative_mode_counts_the_start_day() {
    let due = due_of(&STRICT, "2025-01-24", "", &["surrender", "life_insurance"]);
    assert_eq!(in_force(&due), ("answer_simple", "2025-02-07".into()));
    assert_eq!(by(&due, "answer_special"), "2025-03-24");
    assert_eq!(by(&due, "handle"), "2025-02-07"); // and so no warning that it passes the law
    assert_eq!(by(&due, "surrender_return"), "2025-02-22");
    assert_eq!(due.warn_at[0].on, date(2025, 1, 30));
    assert_eq!(whys(&due), [&Why::AssumedStart("退还保单现金价值")]);
    // Working days and the complainant's own limit are not shortened.
    assert_eq!(
        by(&due, "life_insurance_reply"),
        by(
            &due_of(&CLOCK, "2025-01-24", "", &["life_insurance"]),
            "life_insurance_reply"
        )
    );
    let due = due_of(
        &STRICT,
        "2025-01-24",
        "decided 2025-02-07; recheck_filed 2025-03-09",
        &[],
    );
    assert_eq!(by(&due, "recheck_file_by"), "2025-03-09");
    assert_eq!(by(&due, "recheck_decide_by"), "2025-04-07");
    assert!(due.warnings.is_empty());
    assert!(STRICT.rules().is_conservative() && !CLOCK.rules().is_conservative());
}

#[test]
fn no_warning_point_lies_before_the_start() {
    let text = table().replace("T-2d", "T-20d");
    let rules = ClockRules::parse(Path::new("clock.toml"), &text).unwrap();
    let calendar = Calendar::load(&Path::new(DATA).join("calendar.csv")).unwrap();
    let due = due_of(&Clock::new(rules, calendar), "2025-01-24", "", &[]);
    assert_eq!(due.warn_at[2].on, date(2025, 1, 24));
}
