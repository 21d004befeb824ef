//! Ends, 核查, internal targets and parallel clocks.

use jiff::civil::date;

use super::*;

#[test]
fn ends() {
    let due = expect("withdrawn 2025-02-01", "none", "-", &[]);
    assert_eq!(
        due.status,
        Status::Withdrawn {
            on: date(2025, 2, 1)
        }
    );
    assert_eq!(by(&due, "withdrawn"), "2025-02-01");
    assert!(due.warn_at.is_empty());
    let article = due.date("withdrawn").unwrap().article;
    assert_eq!(
        article,
        Some("《银行业保险业消费投诉处理管理办法》第十五条")
    );
    let declined = expect(
        "not_by_person_or_agent 2025-02-01",
        "none",
        "-",
        &[Why::TellSubmitter],
    );
    assert_eq!(
        declined.status,
        Status::Declined {
            on: date(2025, 2, 1)
        }
    );
    // The first end counts, whatever the order of writing; later events start nothing.
    let after = "new_facts 2025-02-02; withdrawn 2025-02-01; extended complex 2025-02-03; same_complaint 2025-02-03; \
                 decided 2025-02-04; paused mediation 2025-02-02..";
    let due = expect(
        after,
        "none",
        "-",
        &[
            Why::AfterEnd("暂停"),
            Why::AfterEnd("新事实"),
            Why::AfterEnd("延长"),
            Why::AfterEnd("重复投诉"),
            Why::AfterEnd("收到处理决定"),
        ],
    );
    assert_eq!(by(&due, "answer_simple"), "2025-02-08");
    // On one day the decision goes before the withdrawal.
    let both = due_of(
        &CLOCK,
        "2025-01-24",
        "withdrawn 2025-02-01; decided 2025-02-01",
        &[],
    );
    assert_eq!(
        both.status,
        Status::Decided {
            on: date(2025, 2, 1)
        }
    );
    // Ends before the receipt end nothing.
    let early = [Why::BeforeReceipt("撤回")];
    expect(
        "withdrawn 2025-01-23",
        "answer_simple",
        "2025-02-08",
        &early,
    );
    let same_day = expect("withdrawn 2025-01-24", "none", "-", &[]);
    assert_eq!(by(&same_day, "withdrawn"), "2025-01-24");
}

#[test]
fn decision_and_recheck() {
    let due = expect("decided 2025-02-08", "none", "-", &[]);
    assert_eq!(
        due.status,
        Status::Decided {
            on: date(2025, 2, 8)
        }
    );
    assert_eq!(by(&due, "recheck_file_by"), "2025-03-10");
    assert_eq!(due.date("recheck_file_by").unwrap().duty, Duty::Complainant);
    assert!(due.date("recheck_decide_by").is_none());
    let late = expect("decided 2025-02-09", "none", "-", &[Why::DecisionLate]);
    assert!(late.warnings[0].to_string().contains("第二十一条"));
    expect(
        "extended complex 2025-02-08; decided 2025-02-23",
        "none",
        "-",
        &[],
    );
    // Filed on the last day, and a day later.
    let filed = "decided 2025-02-08; recheck_filed 2025-03-10";
    let due = expect(filed, "recheck_decide_by", "2025-04-09", &[]);
    assert_eq!(
        due.status,
        Status::Recheck {
            filed: date(2025, 3, 10)
        }
    );
    let warn: Vec<String> = due
        .warn_at
        .iter()
        .map(|w| format!("{} {}", w.label, w.on))
        .collect();
    assert_eq!(
        warn,
        ["50% 2025-03-25", "80% 2025-04-03", "T-2d 2025-04-07"]
    );
    let late = "decided 2025-02-08; recheck_filed 2025-03-11";
    expect(late, "recheck_decide_by", "2025-04-10", &[Why::RecheckLate]);
    let done = "decided 2025-02-08; recheck_filed 2025-03-10; recheck_decided 2025-04-09";
    let due = expect(done, "none", "-", &[]);
    assert_eq!(
        due.status,
        Status::Rechecked {
            on: date(2025, 4, 9)
        }
    );
    let done = "decided 2025-02-08; recheck_filed 2025-03-10; recheck_decided 2025-04-10";
    expect(done, "none", "-", &[Why::RecheckDecisionLate]);
    // Without a decision the answer stays due; the request's date is shown with a warning.
    let odd = "recheck_filed 2025-02-01";
    let due = expect(
        odd,
        "answer_simple",
        "2025-02-08",
        &[Why::RecheckWithoutDecision],
    );
    assert_eq!(by(&due, "recheck_decide_by"), "2025-03-03");
    let odd = "recheck_decided 2025-02-01";
    expect(
        odd,
        "answer_simple",
        "2025-02-08",
        &[Why::RecheckWithoutDecision],
    );
    // A request from before the decision is replaced by the real one; a second real one moves nothing.
    let two = "recheck_filed 2025-02-01; decided 2025-02-08; recheck_filed 2025-02-20; recheck_filed 2025-02-25";
    expect(
        two,
        "recheck_decide_by",
        "2025-03-22",
        &[Why::RecheckWithoutDecision],
    );
}

#[test]
fn targets_of_every_level() {
    let at = |received: &str, level: usize| -> [String; 3] {
        let due = CLOCK.due(&received.parse().unwrap(), &[], &targets(level), &[]);
        assert!(due.warnings.is_empty());
        ["acknowledge", "first_reply", "handle"].map(|id| by(&due, id))
    };
    // The evening before the long holiday: minutes and hours run on, working days wait.
    let eve = "2025-09-30 23:45";
    assert_eq!(
        at(eve, 1),
        ["2025-10-01 00:15:00", "2025-10-01 03:45:00", "2025-10-03"]
    );
    assert_eq!(
        at(eve, 2),
        ["2025-10-01 01:45:00", "2025-10-09", "2025-10-07"]
    );
    assert_eq!(at(eve, 3), ["2025-10-09", "2025-10-11", "2025-10-10"]);
    assert_eq!(at(eve, 4), ["2025-10-10", "2025-10-14", "2025-10-15"]);
    // A day alone counts from 00:00.
    assert_eq!(
        at("2025-03-05", 1)[..2],
        ["2025-03-05 00:30:00", "2025-03-05 04:00:00"]
    );
    assert_eq!(at("2025-12-31 22:00", 1)[1], "2026-01-01 02:00:00");
    // A free day and its eve have the same first working day.
    assert_eq!(at("2025-03-08", 3)[0], at("2025-03-07", 3)[0]);
    // Events move no target.
    let moved = due(
        "2025-01-24",
        "paused mediation 2025-01-28..2025-02-02; new_facts 2025-02-03",
    );
    assert_eq!(moved.targets, due("2025-01-24", "").targets);
}

#[test]
fn provisional_and_late_targets_are_marked() {
    let due = due_of(&CLOCK, "2026-12-30", "", &["life_insurance"]);
    let provisional = |id| due.date(id).unwrap().provisional;
    assert!(provisional("acknowledge") && provisional("first_reply"));
    assert!(provisional("life_insurance_reply"));
    assert!(!provisional("handle") && !provisional("answer_simple"));
    assert_eq!(by(&due, "acknowledge"), "2027-01-01");
    let long = Targets {
        handle: "16d".parse().unwrap(),
        ..targets(4)
    };
    let received = "2025-03-03".parse().unwrap();
    let late = CLOCK.due(&received, &[], &long, &[]);
    assert_eq!(whys(&late), [&Why::TargetPastLaw("内部办结")]);
    let closed = CLOCK.due(
        &received,
        &parse_events("decided 2025-03-04").unwrap(),
        &long,
        &[],
    );
    assert!(closed.warnings.is_empty());
}

#[test]
fn parallel_clocks() {
    let received = "2025-09-26";
    let ask = |events: &str, names: &[&str]| due_of(&CLOCK, received, events, names);
    let life = ask("", &["life_insurance"]);
    assert_eq!(by(&life, "life_insurance_reply"), "2025-10-16");
    assert_eq!(
        life.parallel[0].article,
        Some("《人身保险业务基本服务规定》第二十九条")
    );
    // Unknown days: receipt stands in with a warning, or the clock is left out.
    let claim = ask("", &["claim"]);
    let ids: Vec<&str> = claim.parallel.iter().map(|d| d.id).collect();
    assert_eq!(ids, ["claim_assess", "claim_advance_pay"]);
    assert_eq!(by(&claim, "claim_assess"), "2025-10-26");
    assert_eq!(claim.warnings.len(), 2);
    assert!(
        claim.warnings[0]
            .to_string()
            .starts_with("“理赔核定（情形复杂）”起算日未知")
    );
    // Known days may lie before the receipt; the earliest of a kind counts.
    let events = "claim_filed 2025-09-10; claim_filed 2025-08-01; claim_refused 2025-09-20; claim_agreed 2025-10-01; \
                  surrender_requested 2025-09-01; regulator_received 2025-09-24";
    let known = ask(events, &["surrender", "regulator", "claim", "life_claim"]);
    assert!(known.warnings.is_empty(), "{:?}", known.warnings);
    for (id, day) in [
        ("claim_assess", "2025-08-31"),
        ("claim_advance_pay", "2025-09-30"),
        ("claim_refuse_notice", "2025-09-23"),
        ("claim_pay", "2025-10-11"),
        ("life_claim_assess", "2025-08-08"),
        ("surrender_return", "2025-10-01"),
        ("regulator_forward", "2025-10-10"),
    ] {
        assert_eq!(by(&known, id), day, "{id}");
    }
    assert_eq!(
        known.date("regulator_forward").unwrap().duty,
        Duty::Regulator
    );
    assert_eq!(in_force(&known), ("answer_simple", "2025-10-11".into()));
    assert!(ask("", &["regulator"]).parallel.is_empty());
    let unknown = ask("", &["claims"]);
    assert_eq!(whys(&unknown), [&Why::UnknownParallel("claims".into())]);
    assert!(unknown.parallel.is_empty());
    assert!(CLOCK.rules().has_parallel("surrender") && !CLOCK.rules().has_parallel("claims"));
    let names = CLOCK.rules().parallel_names();
    assert_eq!(
        names,
        [
            "life_insurance",
            "life_claim",
            "claim",
            "surrender",
            "regulator",
            "payment"
        ]
    );
}

#[test]
fn complaints_from_before_the_order_are_marked() {
    assert_eq!(whys(&due("2020-02-29", "")), [&Why::BeforeOrder]);
    assert!(due("2020-03-01", "").warnings.is_empty());
}
