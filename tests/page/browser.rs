//! A real browser, over the WebDriver protocol (W3C) that chromedriver speaks.

use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::prerequisites;

/// The time for an expected event; a test that reaches it has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A browser with an empty profile.
pub struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser; returns `None` if none is installed, which is a failure in CI (`CI=true`).
    pub async fn start() -> Option<Self> {
        let Some((browser, driver)) = prerequisites::browser() else {
            prerequisites::BROWSER.skip();
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut started = Self {
            driver,
            http: test_support::http::builder().no_proxy().build().unwrap(),
            session: format!("http://127.0.0.1:{port}"),
            _profile: profile,
        };
        started.open(&browser).await;
        Some(started)
    }

    async fn open(&mut self, browser: &Path) {
        let folder = format!("--user-data-dir={}", self._profile.path().display());
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {
                "binary": browser,
                "args": ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--disable-dev-shm-usage", "--window-size=1280,900", folder],
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let base = self.session.clone();
        let opened = async {
            loop {
                // The driver needs a moment until it listens.
                if let Ok(answer) = self.request("/session", Some(&capabilities)).await {
                    break answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let opened = tokio::time::timeout(TIMEOUT, opened).await.unwrap();
        let id = opened["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{opened}"));
        self.session = format!("{base}/session/{id}");
    }

    async fn request(&self, path: &str, body: Option<&Value>) -> Result<Value, reqwest::Error> {
        let url = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        let bytes = request.send().await?.bytes().await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        Ok(answer["value"].clone())
    }

    async fn command(&self, path: &str, body: &Value) -> Value {
        let value = self.request(path, Some(body)).await.unwrap();
        assert!(value["error"].is_null(), "{path}: {}", value["message"]);
        value
    }

    pub async fn go(&self, url: &str) {
        self.command("/url", &json!({"url": url})).await;
    }

    /// Runs a script in the page and returns its value.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.command("/execute/sync", &body).await
    }

    /// Runs the script until it is true.
    pub async fn wait_until(&self, script: &str) {
        let asked = async {
            while self.run(&format!("return Boolean({script})")).await != json!(true) {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(TIMEOUT, asked).await.is_err() {
            panic!("never: {script}\n{}", self.text("body").await);
        }
    }

    /// Returns the visible text of the first element that matches.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?})?.innerText ?? ''");
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    async fn element(&self, selector: &str) -> String {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.command("/element", &body).await;
        let mut ids = found.as_object().unwrap().values();
        ids.next().unwrap().as_str().unwrap().to_owned()
    }

    pub async fn click(&self, selector: &str) {
        let id = self.element(selector).await;
        self.command(&format!("/element/{id}/click"), &json!({}))
            .await;
    }

    /// Moves the pointer onto an element.
    pub async fn point_at(&self, selector: &str) {
        let id = self.element(selector).await;
        let onto = json!({"element-6066-11e4-a52e-4f735466cecf": id});
        let actions = json!({"actions": [{"type": "pointer", "id": "mouse", "actions": [
            {"type": "pointerMove", "duration": 0, "x": 3, "y": 0, "origin": onto},
            {"type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": onto}]}]});
        self.command("/actions", &actions).await;
    }

    /// Types into an element, as a person does.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let id = self.element(selector).await;
        let body = json!({"text": text});
        self.command(&format!("/element/{id}/value"), &body).await;
    }

    /// Sends a key to the element with the focus.
    pub async fn press(&self, key: &str) {
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        self.command("/actions", &actions).await;
    }

    /// Sends a command of the browser's own protocol.
    pub async fn cdp(&self, command: &str, params: Value) {
        let body = json!({"cmd": command, "params": params});
        self.command("/goog/cdp/execute", &body).await;
    }

    /// Sets the window's size; a phone is 390 wide.
    pub async fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets the colour scheme: `light` or `dark`.
    pub async fn scheme(&self, value: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    /// Allows or forbids the scripts of pages.
    pub async fn scripts(&self, run: bool) {
        let value = json!({"value": !run});
        self.cdp("Emulation.setScriptExecutionDisabled", value)
            .await;
    }

    /// Returns the warnings and errors of the console.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({"type": "browser"})).await;
        let lines = log.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].to_string()).collect()
    }

    /// Saves a screenshot in the folder that `SWITCHHOOK_PICTURES` names, if it is set.
    pub async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("SWITCHHOOK_PICTURES") else {
            return;
        };
        let shot = self.request("/screenshot", None).await.unwrap();
        let bytes = STANDARD.decode(shot.as_str().unwrap()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    /// Stops chromedriver and the browser that it started: it would leave the browser behind.
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.driver.wait();
    }
}
