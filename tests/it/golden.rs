//! A handling sheet as a handler gets it; `XIAOBAO_UPDATE_GOLDEN=1 cargo test --release` writes it anew.

use crate::run::{read, root, xiaobao};

#[test]
fn the_sheet_of_one_complaint() {
    let ran = xiaobao(&[
        "explain",
        "我叫欧阳若兰，电话138 0013 8000。3月1日我的卡被盗刷八万元，要求退款并道歉，再不处理我就向12378投诉",
        "--channel",
        "12378转办",
        "--received-at",
        "2026-03-02 09:30",
        "--sheet",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (_, sheet) = ran.stdout.split_once("\n## ").expect("a sheet");
    // Probabilities and words belong to the model, not to the sheet.
    let sheet: String = sheet
        .lines()
        .filter(|l| !l.contains("等级与理由"))
        .map(|l| format!("{l}\n"))
        .collect();
    let path = root().join("tests/golden/sheet.md");
    if std::env::var_os("XIAOBAO_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &sheet).expect("the golden file is writable");
    }
    assert_eq!(
        sheet,
        read(&path),
        "the sheet changed; if rightly so, update the golden file"
    );
}
