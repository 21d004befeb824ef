//! Laws of the room over written and random tellings.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        Tables::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data")).expect("tables")
    })
}

/// A telling of person `who` on day `day`.
fn telling(who: u8, day: i32, row: u64, text: &str) -> Telling {
    Telling {
        key: telling::key_of(format!("{who} {day} {row} {text}").as_bytes()),
        link: telling::key_of(&[who]),
        is_known: true,
        input: 0,
        row,
        id: format!("C{row}"),
        day: Some(day),
        second: None,
        institution: "某行城东支行".to_owned(),
        channel: "hotline".to_owned(),
        type_: "BK01".to_owned(),
        reason: "C05".to_owned(),
        types: vec![("BK01".to_owned(), 900)],
        reasons: Vec::new(),
        people: 0,
        text: text.to_owned(),
        amounts: Vec::new(),
        dates: Vec::new(),
        products: Vec::new(),
        demands: Vec::new(),
        phrases: Vec::new(),
    }
}

fn spool(dir: &Path, name: &str, tellings: &[Telling], n: usize) -> Vec<PathBuf> {
    let mut parts = vec![Vec::new(); n];
    for t in tellings {
        t.encode(&mut parts[t.partition(n)]);
    }
    let write = |(p, bytes): (usize, &Vec<u8>)| {
        let path = dir.join(format!("{name}-{p}"));
        std::fs::write(&path, bytes).expect("written");
        path
    };
    parts.iter().enumerate().map(write).collect()
}

fn store_bytes(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out: Vec<_> = std::fs::read_dir(dir)
        .expect("listed")
        .map(|e| e.expect("entry").path())
        .map(|p| (p.clone(), std::fs::read(&p).expect("read")))
        .collect();
    out.sort();
    out
}

const STORY: &str =
    "我的信用卡年费480元，当初说刷六次就免，我刷了二十次，现在说白金卡不免，要求退年费";
const AGAIN: &str =
    "信用卡年费480的事我投诉过，刷六次免年费是你们说的，白金卡不免没人告诉我，把年费退了";
const OTHER: &str = "手机银行转账转错了人，三千块钱转给陌生人，客服一个星期不回电话";

#[test]
fn a_story_told_again_is_linked_and_another_is_not() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    let n = tables().cases.partitions;
    let day = day_number(date(2026, 3, 2));
    let all = [
        telling(1, day, 1, STORY),
        telling(1, day + 3, 2, AGAIN),
        telling(1, day + 4, 3, OTHER),
        telling(2, day + 4, 4, STORY),
    ];
    let files = spool(dir.path(), "a", &all, n);
    let found = finish(&files, &store, date(2026, 3, 6), tables()).expect("finishes");
    let rows = String::from_utf8(found.repeats.clone()).expect("UTF-8");
    assert_eq!(rows.lines().count(), 1, "{rows}");
    assert!(
        rows.starts_with("C2,2026-03-05,C1,2026-03-02,C1（2026-03-02）；C2（2026-03-05）,"),
        "{rows}"
    );
    assert!(
        rows.contains(",并案,") || rows.contains(",重新起算时限,"),
        "{rows}"
    );
    assert!(rows.contains("第十八条第三款"), "{rows}");
    found.commit().expect("in place");
    // The next night finds the case in the store.
    let next = [telling(1, day + 9, 1, AGAIN)];
    let files = spool(dir.path(), "b", &next, n);
    let found = finish(&files, &store, date(2026, 3, 11), tables()).expect("finishes");
    let rows = String::from_utf8(found.repeats.clone()).expect("UTF-8");
    assert!(
        rows.contains("C1（2026-03-02）；C2（2026-03-05）；C1（2026-03-11）,1.000,9,"),
        "{rows}"
    );
}

#[test]
fn words_alone_link_only_long_equal_texts() {
    let dir = tempfile::tempdir().expect("a folder");
    let n = tables().cases.partitions;
    let mut all = vec![
        telling(1, 20_000, 1, STORY),
        telling(1, 20_001, 2, STORY),
        telling(2, 20_000, 3, "态度太差"),
        telling(2, 20_001, 4, "态度太差"),
    ];
    for t in &mut all {
        t.is_known = false;
    }
    let files = spool(dir.path(), "a", &all, n);
    let found = finish(&files, dir.path(), date_of(20_001), tables()).expect("finishes");
    assert_eq!(found.n_repeats, 1);
}

#[test]
fn a_damaged_store_is_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let n = tables().cases.partitions;
    let all = [telling(1, 20_000, 1, STORY)];
    let files = spool(dir.path(), "a", &all, n);
    let store = dir.path().join("store");
    let run = || finish(&files, &store, date_of(20_000), tables());
    run().expect("finishes").commit().expect("in place");
    let path = store::partition_path(&store, all[0].partition(n));
    let bytes = std::fs::read(&path).expect("read");
    std::fs::write(&path, &bytes[..bytes.len() - 3]).expect("written");
    let error = run().expect_err("damaged").to_string();
    assert!(
        error.contains("tellings-") && !error.contains("年费"),
        "{error}"
    );
    // Dropped uncommitted, nothing temporary is left.
    assert!(
        store_bytes(&store)
            .iter()
            .all(|(p, _)| !p.to_string_lossy().ends_with(".part"))
    );
}

#[test]
fn a_burst_and_a_crowd_are_noticed_and_a_short_history_is_said() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = dir.path().join("store");
    let mut few =
        Tables::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data")).expect("tables");
    few.cases.partitions = 2;
    let first = day_number(date(2026, 3, 2));
    let mut alerts = String::new();
    for night in 0..16 {
        let n_people = if night == 15 { 16 } else { 2 };
        let all: Vec<Telling> = (0..n_people)
            .map(|k| {
                let mut t = telling(
                    0,
                    first + night,
                    k + 1,
                    &format!("第{night}晚第{k}人：{STORY}"),
                );
                t.link = telling::key_of(format!("{night}-{k}").as_bytes());
                if night == 15 {
                    t.channel = "counter".to_owned();
                    t.people = if k == 3 { 22 } else { 0 };
                }
                t
            })
            .collect();
        let files = spool(dir.path(), &format!("n{night}"), &all, 2);
        let found = finish(&files, &store, date_of(first + night), &few).expect("finishes");
        alerts = String::from_utf8(found.alerts.clone()).expect("UTF-8");
        if night < 7 {
            assert!(
                alerts.contains(&format!("历史仅{night}晚")),
                "{night}: {alerts}"
            );
        } else if night < 15 {
            assert_eq!(alerts, "", "{night}");
        }
        found.commit().expect("in place");
    }
    assert!(alerts.contains("2026-03-17,1,类型,BK01 "), "{alerts}");
    assert!(
        alerts.contains("C1 C2 C3 C4 C5 C6 C7 C8 C9 C10,当晚"),
        "{alerts}"
    );
    assert!(
        alerts.contains("接近20人") && alerts.contains("正文自述人数已达20人"),
        "{alerts}"
    );
    assert!(alerts.contains("第二十九条"), "{alerts}");
}

fn any_telling() -> impl Strategy<Value = Telling> {
    let text = prop_oneof![
        Just(STORY.to_owned()),
        Just(AGAIN.to_owned()),
        Just(OTHER.to_owned()),
        Just(format!("{STORY}。昨天一个姓周的主管打电话说要扣我199元")),
        "[一-龥，。0-9]{1,40}",
    ];
    (
        0u8..4,
        20_000i32..20_020,
        text,
        any::<bool>(),
        prop::option::of(0u32..86_400),
    )
        .prop_map(|(who, day, text, is_known, second)| {
            let mut t = telling(who, day, 1, &text);
            t.is_known = is_known;
            t.second = second;
            t.day = (day % 5 != 0).then_some(day);
            let end = text.chars().next().map_or(0, char::len_utf8) as u32;
            t.amounts.push((0..end, i64::from(day) * 100));
            t.dates.push((0..end, (0, 3, 5)));
            t.products.push((0..end, "信用卡".to_owned()));
            t.demands.push((0..end, "退款".to_owned()));
            t.phrases.push("年费".to_owned());
            t
        })
}

/// Rows numbered and keyed as a run would have them.
fn numbered(mut all: Vec<Telling>) -> Vec<Telling> {
    for (i, t) in all.iter_mut().enumerate() {
        t.row = i as u64 + 1;
        t.id = format!("C{}", i + 1);
        t.key = telling::key_of(format!("{i}").as_bytes());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_encoded_is_decoded(t in any_telling(), cut in 0usize..400) {
        let mut bytes = Vec::new();
        t.encode(&mut bytes);
        let record = &bytes[4..];
        prop_assert_eq!(Telling::decode(record), Some(t.clone()));
        prop_assert_eq!(Head::of(record), Some(Head { key: t.key, link: t.link, day: t.day }));
        if cut < record.len() {
            prop_assert_eq!(Telling::decode(&record[..cut]), None);
        }
    }

    #[test]
    fn finishing_twice_is_finishing_once(all in prop::collection::vec(any_telling(), 1..24)) {
        let all = numbered(all);
        let dir = tempfile::tempdir().expect("a folder");
        let store = dir.path().join("store");
        let n = tables().cases.partitions;
        let files = spool(dir.path(), "a", &all, n);
        let run = || finish(&files, &store, date_of(20_020), tables()).expect("finishes");
        let first = run();
        let (rows, alerts) = (first.repeats.clone(), first.alerts.clone());
        first.commit().expect("in place");
        let bytes = store_bytes(&store);
        let second = run();
        prop_assert_eq!(second.n_known, all.len() as u64);
        prop_assert_eq!(&second.repeats, &rows);
        prop_assert_eq!(&second.alerts, &alerts);
        second.commit().expect("in place");
        prop_assert!(bytes == store_bytes(&store), "the store changed");
    }

    #[test]
    fn partitions_change_nothing(all in prop::collection::vec(any_telling(), 1..24)) {
        let all = numbered(all);
        let dir = tempfile::tempdir().expect("a folder");
        let of = |tables: &Tables, name: &str| {
            let files = spool(dir.path(), name, &all, tables.cases.partitions);
            let found = finish(&files, &dir.path().join(name).with_extension("store"), date_of(20_020), tables);
            let found = found.expect("finishes");
            (found.repeats.clone(), found.alerts.clone(), found.n_repeats)
        };
        let mut few = Tables::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data")).expect("tables");
        few.cases.partitions = 3;
        prop_assert_eq!(of(tables(), "many"), of(&few, "few"));
    }
}
