//! The page through real proxies: nginx and Caddy, as an operator would put them in front of it.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use test_support::{ports, prerequisites};

use crate::browser::Browser;
use crate::fixture::Fixture;

const PASSWORD: &str = "correct horse battery";

/// A proxy in front of the page.
struct Proxy {
    process: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Proxy {
    /// Starts nginx with these lines in its `location`; `None` if it is not installed.
    async fn nginx(path: &str, location: &str) -> Option<Self> {
        let Some(program) = prerequisites::nginx() else {
            prerequisites::NGINX.skip();
            return None;
        };
        let (folder, address) = (tempfile::tempdir().unwrap(), ports::unused());
        let config = format!(
            "daemon off; master_process off; error_log stderr; pid nginx.pid; user root;\n\
             events {{}}\n\
             http {{ access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c;\n\
             uwsgi_temp_path d; scgi_temp_path e;\n\
             server {{ listen {address}; location {path} {{ {location} }} }} }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let mut command = Command::new(program);
        command
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        Some(Self::start(command, address, folder).await)
    }

    /// Starts Caddy with these lines for its site; `None` if it is not installed.
    async fn caddy(site: &str) -> Option<Self> {
        let Some(program) = prerequisites::caddy() else {
            prerequisites::CADDY.skip();
            return None;
        };
        let (folder, address) = (tempfile::tempdir().unwrap(), ports::unused());
        let config = format!(
            "{{\n\tadmin off\n\tauto_https off\n}}\nhttp://{address} {{\n\tbind 127.0.0.1\n{site}\n}}\n"
        );
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new(program);
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file);
        command
            .env("HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path());
        command.env("XDG_CONFIG_HOME", folder.path());
        Some(Self::start(command, address, folder).await)
    }

    async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let started = Self {
            process,
            address,
            _folder: folder,
        };
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        started
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Proxy {
    /// Asks the proxy to end, with its workers.
    fn drop(&mut self) {
        let id = self.process.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.process.wait();
    }
}

/// A script that is true once the page says where its updates come from.
fn says(words: &str) -> String {
    format!("document.getElementById('live').innerText.includes('{words}')")
}

/// Makes a call and sees it come and go on the open page.
async fn a_call_comes_and_goes(fixture: &Fixture, browser: &Browser) {
    let shown = "document.querySelector('.held li')?.innerText.includes('lookup')";
    let gone = "document.body.innerText.includes('No calls on hold')";
    browser.wait_until(gone).await;
    let mut peer = fixture.hold().await;
    browser.wait_until(shown).await;
    fixture.receiver.answer(200, "{}").await;
    peer.until_exit().await;
    drop(peer);
    browser.wait_until(gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_nginx_and_caddy_as_they_come_the_list_goes_on_living() {
    let fixture = Fixture::new().await;
    let upstream = fixture.service.http;
    let pass = format!("proxy_pass http://{upstream};");
    let (Some(browser), Some(nginx), Some(caddy)) = (
        Browser::start().await,
        Proxy::nginx("/", &pass).await,
        Proxy::caddy(&format!("\treverse_proxy {upstream}\n\tencode gzip")).await,
    ) else {
        return;
    };
    for proxy in [&nginx, &caddy] {
        browser.go(&proxy.url("/")).await;
        browser.wait_until(&says("Updates itself.")).await;
        a_call_comes_and_goes(&fixture, &browser).await;
        assert!(browser.text("#live").await.contains("Updates itself."));
    }
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop((browser, nginx, caddy));
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_that_holds_the_updates_back_the_page_says_so_and_asks() {
    let fixture = Fixture::new().await;
    let upstream = fixture.service.http;
    let held_back = format!(
        "proxy_pass http://{upstream}; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;"
    );
    let (Some(browser), Some(nginx)) =
        (Browser::start().await, Proxy::nginx("/", &held_back).await)
    else {
        return;
    };
    browser.go(&nginx.url("/")).await;
    browser
        .wait_until(&says("A proxy may hold them back."))
        .await;
    browser.screenshot("held-back").await;
    a_call_comes_and_goes(&fixture, &browser).await;
    assert!(browser.text("#live").await.contains("Asks every 5 seconds"));
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop((browser, nginx));
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_that_cuts_silent_connections_after_5_seconds_the_stream_lasts() {
    let fixture = Fixture::new().await;
    let upstream = fixture.service.http;
    let cut = format!("proxy_pass http://{upstream}; proxy_read_timeout 5s;");
    let (Some(browser), Some(nginx)) = (Browser::start().await, Proxy::nginx("/", &cut).await)
    else {
        return;
    };
    browser.go(&nginx.url("/")).await;
    browser.wait_until(&says("Updates itself.")).await;
    // A second stream counts what the first one gets: three updates of a page on which nothing happens
    // take longer than the proxy waits.
    browser
        .run(
            "window.opened = 0; window.told = 0; const stream = new EventSource('/changes');
             stream.addEventListener('open', () => { window.opened += 1; });
             stream.addEventListener('changed', () => { window.told += 1; });",
        )
        .await;
    browser.wait_until("window.told >= 3").await;
    let opened = browser.run("return window.opened").await;
    assert_eq!(opened, 1, "the stream was not cut");
    a_call_comes_and_goes(&fixture, &browser).await;
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop((browser, nginx));
    fixture.service.stop().await;
}

/// Signs in, follows every link of the menu, and sees a call come and go.
async fn use_the_page(fixture: &Fixture, browser: &Browser, proxy: &Proxy, base: &str) {
    browser.go(&proxy.url(&format!("{base}/outbox"))).await;
    browser.type_into("#name", "ann").await;
    browser.type_into("#secret", PASSWORD).await;
    browser.click("form.try button").await;
    browser
        .wait_until(&format!("location.pathname === '{base}/outbox'"))
        .await;
    browser.wait_until("document.querySelector('.who')").await;
    let style = "return getComputedStyle(document.querySelector('header')).display";
    assert_eq!(browser.run(style).await, "flex", "the style sheet is there");
    let elsewhere = format!(
        "return [...document.querySelectorAll('[href], [src], [action]')]
           .flatMap((one) => ['href', 'src', 'action'].map((name) => one.getAttribute(name)))
           .filter((one) => one?.startsWith('/') && !one.startsWith('{base}/'))"
    );
    let views = "return [...document.querySelectorAll('nav a, footer a')].map((one) => one.href)";
    let views = browser.run(views).await;
    for view in views.as_array().unwrap() {
        let view = view.as_str().unwrap();
        if view.ends_with("z") || view.ends_with("metrics") {
            continue;
        }
        browser.go(view).await;
        assert_eq!(
            browser.run(&elsewhere).await,
            serde_json::json!([]),
            "{view}"
        );
        assert!(!browser.text("h1").await.contains("Not found"), "{view}");
    }
    browser.go(&proxy.url(&format!("{base}/"))).await;
    browser.wait_until(&says("Updates itself.")).await;
    a_call_comes_and_goes(fixture, browser).await;
    // The search, a change, and the way out.
    browser.type_into("#q", "nobody\u{e007}").await;
    browser
        .wait_until(&format!("location.pathname === '{base}/calls'"))
        .await;
    browser
        .go(&proxy.url(&format!("{base}/webhooks/lookup/try")))
        .await;
    browser.click("form.try button").await;
    fixture.receiver.answer(200, "{}").await;
    browser
        .wait_until("document.querySelector('.result')?.innerText.includes('HTTP 200')")
        .await;
    browser.click(".who button").await;
    browser
        .wait_until(&format!("location.pathname === '{base}/login'"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_path_of_a_proxy_links_files_updates_and_signing_in_stay_under_it() {
    let hash = switchhook_admin::access::hashes::hash_password(PASSWORD).unwrap();
    let users = format!("[users.ann]\nrole = \"operator\"\npassword_hash = \"{hash}\"\n");
    let fixture = Fixture::with_base("/tools/hook", &users).await;
    let upstream = fixture.service.http;
    let (Some(browser), Some(passed_on), Some(taken_away), Some(caddy)) = (
        Browser::start().await,
        Proxy::nginx("/tools/hook/", &format!("proxy_pass http://{upstream};")).await,
        Proxy::nginx("/tools/hook/", &format!("proxy_pass http://{upstream}/;")).await,
        Proxy::caddy(&format!(
            "\thandle /tools/hook/* {{\n\t\treverse_proxy {upstream}\n\t}}"
        ))
        .await,
    ) else {
        return;
    };
    for proxy in [&passed_on, &taken_away, &caddy] {
        use_the_page(&fixture, &browser, proxy, "/tools/hook").await;
    }
    let mut console_errors = browser.console_errors().await;
    console_errors.retain(|one| !one.contains("401"));
    assert_eq!(console_errors, [""; 0]);
    drop((browser, passed_on, taken_away, caddy));
    fixture.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_signs_people_in_names_them_and_strangers_cannot() {
    let settings = "[trusted_proxy]\nfrom = [\"127.0.0.1\"]\n[users.ann]\nrole = \"operator\"\n";
    let fixture = Fixture::with(settings).await;
    let upstream = fixture.service.http;
    // The proxy would find out the name; here it is always ann's.
    let named = format!("proxy_pass http://{upstream}; proxy_set_header X-Forwarded-User ann;");
    let (Some(browser), Some(nginx)) = (Browser::start().await, Proxy::nginx("/", &named).await)
    else {
        return;
    };
    browser.go(&nginx.url("/webhooks/lookup/try")).await;
    assert!(browser.text(".who").await.starts_with("ann"));
    browser.click("form.try button").await;
    fixture.receiver.answer(200, "{}").await;
    browser
        .wait_until("document.querySelector('.result')?.innerText.includes('HTTP 200')")
        .await;
    browser.go(&nginx.url("/audit")).await;
    let audit = browser.text("main").await;
    assert!(audit.contains("ann") && audit.contains("test"), "{audit}");
    // From another address the header names nobody.
    let client =
        test_support::http::builder().local_address(std::net::IpAddr::from([127, 0, 0, 2]));
    let forged = client
        .build()
        .unwrap()
        .get(fixture.url("/"))
        .header("x-forwarded-user", "ann");
    assert_eq!(forged.send().await.unwrap().status(), 401);
    // A change without what only our page has: another site's page could make a browser send it.
    let client = test_support::http::client();
    let forged = client.post(nginx.url("/outbox/replay")).body("state=dead");
    let forged = forged.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(forged.send().await.unwrap().status(), 403);
    assert_eq!(browser.console_errors().await, [""; 0]);
    drop((browser, nginx));
    fixture.service.stop().await;
}
