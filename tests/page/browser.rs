//! A real browser, over the WebDriver protocol (W3C) that chromedriver speaks.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// For what is sure to come.
const PATIENT: Duration = Duration::from_secs(60);

/// Of each kind the first that is there.
const BROWSERS: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];
const DRIVERS: [&str; 2] = ["/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver"];

fn first(paths: &[&'static str]) -> Option<&'static str> {
    paths.iter().copied().find(|path| Path::new(path).exists())
}

/// A browser with nothing of anybody in it.
pub struct Browser {
    driver: Child,
    http: reqwest::Client,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one; `None` where there is none. Where the checks of a change run (`CI=true`), that
    /// is a failure.
    pub async fn start() -> Option<Self> {
        let (Some(browser), Some(driver)) = (first(&BROWSERS), first(&DRIVERS)) else {
            let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!ci, "no chromium and chromedriver: the page is not tested");
            println!(
                "SKIPPED: the page is tested where chromium and chromium-driver are installed"
            );
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
            .spawn()
            .unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut started = Self {
            driver,
            http: test_support::http::builder().no_proxy().build().unwrap(),
            session: format!("http://127.0.0.1:{port}"),
            _profile: profile,
        };
        started.open(browser).await;
        Some(started)
    }

    async fn open(&mut self, browser: &str) {
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
                // The driver listens in a moment.
                if let Ok(answer) = self.ask("/session", Some(&capabilities)).await {
                    break answer;
                }
                tokio::task::yield_now().await;
            }
        };
        let opened = tokio::time::timeout(PATIENT, opened).await.unwrap();
        let id = opened["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("{opened}"));
        self.session = format!("{base}/session/{id}");
    }

    async fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value, reqwest::Error> {
        let url = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        let bytes = request.send().await?.bytes().await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap();
        Ok(answer["value"].clone())
    }

    async fn tell(&self, path: &str, body: &Value) -> Value {
        let value = self.ask(path, Some(body)).await.unwrap();
        assert!(value["error"].is_null(), "{path}: {}", value["message"]);
        value
    }

    pub async fn go(&self, url: &str) {
        self.tell("/url", &json!({"url": url})).await;
    }

    /// What a script in the page returns.
    pub async fn run(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.tell("/execute/sync", &body).await
    }

    /// Asks the page until the script says `true`.
    pub async fn until(&self, script: &str) {
        let asked = async {
            while self.run(&format!("return Boolean({script})")).await != json!(true) {
                tokio::task::yield_now().await;
            }
        };
        if tokio::time::timeout(PATIENT, asked).await.is_err() {
            panic!("never: {script}\n{}", self.text("body").await);
        }
    }

    /// The text that a person sees of the first element that fits.
    pub async fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({selector:?})?.innerText ?? ''");
        self.run(&script).await.as_str().unwrap().to_owned()
    }

    async fn element(&self, selector: &str) -> String {
        let body = json!({"using": "css selector", "value": selector});
        let found = self.tell("/element", &body).await;
        let mut ids = found.as_object().unwrap().values();
        ids.next().unwrap().as_str().unwrap().to_owned()
    }

    pub async fn click(&self, selector: &str) {
        let id = self.element(selector).await;
        self.tell(&format!("/element/{id}/click"), &json!({})).await;
    }

    /// Types into an element, as a person does.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let id = self.element(selector).await;
        let body = json!({"text": text});
        self.tell(&format!("/element/{id}/value"), &body).await;
    }

    /// Sends keys to whatever has the focus.
    pub async fn press(&self, key: &str) {
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]});
        self.tell("/actions", &actions).await;
    }

    /// A command of the browser's own protocol.
    pub async fn cdp(&self, command: &str, params: Value) {
        let body = json!({"cmd": command, "params": params});
        self.tell("/goog/cdp/execute", &body).await;
    }

    /// A window of this size; a phone's is 390 wide.
    pub async fn size(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// `light` or `dark`.
    pub async fn scheme(&self, value: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    /// Lets pages run their scripts, or not.
    pub async fn scripts(&self, run: bool) {
        let value = json!({"value": !run});
        self.cdp("Emulation.setScriptExecutionDisabled", value)
            .await;
    }

    /// What the console has said that is worse than a note.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.tell("/se/log", &json!({"type": "browser"})).await;
        let lines = log.as_array().unwrap().iter();
        let bad = lines.filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING");
        bad.map(|line| line["message"].to_string()).collect()
    }

    /// A picture of the window, in the folder that `SWITCHHOOK_PICTURES` names, if it does.
    pub async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("SWITCHHOOK_PICTURES") else {
            return;
        };
        let shot = self.ask("/screenshot", None).await.unwrap();
        let bytes = STANDARD.decode(shot.as_str().unwrap()).unwrap();
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).unwrap();
    }
}

impl Drop for Browser {
    /// The browser ends with its session, which chromedriver ends with itself.
    fn drop(&mut self) {
        let id = self.driver.id();
        let _ = Command::new("kill").arg(id.to_string()).status();
        let _ = self.driver.wait();
    }
}
