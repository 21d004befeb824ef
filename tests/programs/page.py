"""The page in a real browser: paste, drop, highlight, copy, correction, a small file, sign-in, and all without JavaScript.

python3 tests/programs/page.py [--shots DIR]     needs the release binary, Debian's chromium and chromium-driver, and selenium
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/release/xiaobao"
TEXT = "我妈72岁，昨天被人冒充客服骗走八万块，卡号6200 0000 0000 0000 000，再不处理我就打12378"

try:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select, WebDriverWait
except ImportError:
    sys.exit("page.py: selenium is missing: python3 -m pip install selenium")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    sys.exit("page.py: no browser: apt-get install chromium chromium-driver")
if not BINARY.exists():
    sys.exit("page.py: no binary: cargo build --release")


def serve(*more):
    """A server on a free port; the process and its address."""
    process = subprocess.Popen(
        [BINARY, "serve", "--listen", "127.0.0.1:0", *more], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        found = re.search(r"serving on (https?://[^,]+),", line)
        if found:
            # Somebody must read on, or the server waits.
            threading.Thread(target=lambda: [None for _ in process.stderr], daemon=True).start()
            return process, found[1]
    sys.exit("page.py: the server did not start")


def browser(width, javascript=True):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},900"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    # Below 500 points a window cannot be made; the device can.
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    )
    if not javascript:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    return driver


def wait(driver, selector):
    return WebDriverWait(driver, 10).until(lambda d: d.find_element(By.CSS_SELECTOR, selector))


def shot(driver, shots, name):
    if shots:
        width = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": width["width"], "height": min(width["height"], 4000), "scale": 1}
        data = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})["data"]
        import base64

        (shots / f"{name}.png").write_bytes(base64.b64decode(data))


def fits(driver):
    """Nothing sticks out of the page to the right."""
    sizes = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})
    content, view = sizes["cssContentSize"]["width"], sizes["cssLayoutViewport"]["clientWidth"]
    assert content <= view, f"{content} points wide in {view}"


def fill(driver, text, received_at="2026-03-02"):
    area = wait(driver, "#text")
    area.clear()
    area.send_keys(text)
    field = driver.find_element(By.ID, "received_at")
    field.clear()
    field.send_keys(received_at)
    Select(driver.find_element(By.ID, "channel")).select_by_value("hotline")


def check_decided(driver):
    article = wait(driver, "article")
    assert article.get_attribute("data-type") == "BK05", article.get_attribute("data-type")
    marks = [m.text for m in article.find_elements(By.CSS_SELECTOR, ".text mark")]
    assert "骗走" in marks and any("银行卡" in m for m in marks), marks
    assert "6200" not in driver.page_source
    assert len(article.find_elements(By.CSS_SELECTOR, "ol.time li")) >= 6
    assert article.find_element(By.CSS_SELECTOR, "ol.time li.now time").text == "2026-03-17"
    fits(driver)


def with_javascript(address, corrections, shots):
    for width in (1280, 390):
        driver = browser(width)
        try:
            driver.get(address)
            shot(driver, shots, f"empty-{width}")
            fill(driver, TEXT)
            driver.find_element(By.ID, "text").send_keys(Keys.CONTROL, Keys.ENTER)
            check_decided(driver)
            shot(driver, shots, f"decided-{width}")
            # Copied is what the sheet says.
            driver.execute_cdp_cmd(
                "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": address}
            )
            button = driver.find_element(By.CSS_SELECTOR, "[data-copy]")
            button.click()
            WebDriverWait(driver, 5).until(lambda d: button.text == "已复制")
            sheet = driver.execute_script("return document.getElementById('sheet').textContent")
            copied = driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
            assert copied == sheet and "临时措施" in sheet
            # The pages of a keyboard: the first stop is a link or a field, and it can be seen.
            driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
            style = driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
            assert style != "none", style
            # A correction.
            driver.find_element(By.CSS_SELECTOR, "#wrong summary").click()
            Select(driver.find_element(By.ID, "c-type")).select_by_value("PY01")
            driver.find_element(By.ID, "note").send_keys(f"试 {width}")
            shot(driver, shots, f"correction-{width}")
            driver.find_element(By.CSS_SELECTOR, ".correct button").click()
            assert "更正已记下" in wait(driver, "[role=status]").text
            rows = corrections.read_text("utf-8-sig")
            assert f"试 {width}" in rows and "PY01" in rows and "6200" not in rows
            # A text file is dropped into the field, a table goes off at once.
            drop = """
              const data = new DataTransfer();
              data.items.add(new File([arguments[0]], arguments[1]));
              document.getElementById('text').dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
            """
            driver.execute_script(drop, "年费太贵", "a.txt")
            WebDriverWait(driver, 5).until(lambda d: d.find_element(By.ID, "text").get_attribute("value") == "年费太贵")
            sample = (ROOT / "data/samples/complaints.csv").read_text("utf-8-sig")
            driver.execute_script(drop, "\n".join(sample.splitlines()[:12]), "a.csv")
            assert "条已决定" in wait(driver, "main h1").text
            fits(driver)
            shot(driver, shots, f"table-{width}")
            driver.get(f"{address}/docs")
            wait(driver, ".op")
            fits(driver)
            shot(driver, shots, f"docs-{width}")
            said = [e for e in driver.get_log("browser") if e["level"] == "SEVERE" and "favicon" not in e["message"]]
            assert not said, said
        finally:
            driver.quit()


def without_javascript(address, corrections):
    driver = browser(1280, javascript=False)
    try:
        driver.get(address)
        fill(driver, TEXT)
        driver.find_element(By.CSS_SELECTOR, "form[action='/'] button").click()
        check_decided(driver)
        assert not driver.find_element(By.CSS_SELECTOR, "[data-copy]").is_displayed()
        driver.find_element(By.CSS_SELECTOR, "#wrong summary").click()
        driver.find_element(By.ID, "note").send_keys("不用脚本")
        driver.find_element(By.CSS_SELECTOR, ".correct button").click()
        assert "更正已记下" in wait(driver, "[role=status]").text
        assert "不用脚本" in corrections.read_text("utf-8-sig")
        driver.find_element(By.ID, "file").send_keys(str(ROOT / "data/samples/complaints.csv"))
        driver.find_element(By.CSS_SELECTOR, "#upload button").click()
        assert "205 条已决定" in wait(driver, "main h1").text
    finally:
        driver.quit()


def signing_in(folder, shots):
    keys = folder / "keys.toml"
    add = [BINARY, "keys", "add", "desk", "--scope", "explain", "--file", keys]
    key = subprocess.run(add, capture_output=True, text=True, check=True).stdout.strip()
    process, address = serve("--keys", keys)
    driver = browser(1280)
    try:
        driver.get(address)
        shot(driver, shots, "sign-in-1280")
        wait(driver, "#key").send_keys("xb_wrong", Keys.ENTER)
        wait(driver, "[role=alert]")
        wait(driver, "#key").send_keys(key, Keys.ENTER)
        fill(driver, TEXT)
        driver.find_element(By.CSS_SELECTOR, "form[action='/'] button").click()
        check_decided(driver)
        driver.find_element(By.CSS_SELECTOR, "header form button").click()
        wait(driver, "#key")
    finally:
        driver.quit()
        process.terminate()
        assert process.wait(40) == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--shots", type=pathlib.Path, help="folder for screenshots")
    shots = parser.parse_args().shots
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        corrections = folder / "corrections.csv"
        process, address = serve("--corrections", corrections)
        try:
            with_javascript(address, corrections, shots)
            print("with JavaScript at 1280 and 390 points: paste, highlight, copy, correction, drop, table, documentation")
            without_javascript(address, corrections)
            print("without JavaScript: paste, highlight, correction, table")
        finally:
            process.terminate()
            assert process.wait(40) == 0
        signing_in(folder, shots)
        print("with keys: sign-in, decision, sign-out")


os.environ.setdefault("SE_OFFLINE", "true")
main()
