//! Warnings about what strangers can reach or read. Each works, and each is usually a mistake.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use url::Url;

use crate::config::{Config, Diagnostic};
use switchhook_webhook::options::Auth;

/// Returns the warnings of a configuration about what strangers can reach or read.
#[must_use]
pub fn warnings(config: &Config) -> Vec<Diagnostic> {
    let checks = [ports, recordings, store, credentials, ranges, files];
    checks.iter().flat_map(|check| check(config)).collect()
}

/// Ports without a password on addresses that other machines reach.
fn ports(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut add = |key: &str, address: SocketAddr, what: &str, help: &str| {
        if !address.ip().to_canonical().is_loopback() {
            let what = format!("{address} can be reached from other machines, and {what}");
            found.push(config.fault(key, what, help));
        }
    };
    let listen = &config.listen;
    let has_users = !config.users.is_empty() || config.trusted_proxy.is_some();
    if !has_users && listen.http_token.is_none() {
        let what = "the page shows nothing there: nobody can sign in";
        let help = "add [users.NAME] or [trusted_proxy], or listen on 127.0.0.1";
        add("listen.http", listen.http, what, help);
    } else {
        let what = "passwords and tokens go there without TLS";
        let help = "listen on 127.0.0.1, behind a proxy with TLS";
        add("listen.http", listen.http, what, help);
    }
    if listen.allow.is_empty() {
        let what = "any program may say that it is a call";
        let help = "list the switches in listen.allow, or listen on 127.0.0.1";
        add("listen.esl", listen.esl, what, help);
    }
    if let Some(serve) = &config.recordings.serve {
        let key = "recordings.serve.listen";
        let help = "listen on 127.0.0.1, behind a proxy with TLS";
        add(key, serve.listen, "recordings are sent without TLS", help);
    }
    found
}

/// Links to recordings that go over the network without TLS.
fn recordings(config: &Config) -> Vec<Diagnostic> {
    let serve = config.recordings.serve.as_ref();
    let served = serve.map(|serve| ("recordings.serve.url", serve.url.as_str()));
    let template = config.recordings.public_url.as_deref();
    let template = template.map(|url| ("recordings.public_url", url));
    let links = served.into_iter().chain(template);
    let open = links.filter(|(_, url)| is_open_http(url));
    open.map(|(key, _)| {
        let what = "links to recordings go over http: anyone on the way can read and use them";
        config.fault(key, what, "write https://")
    })
    .collect()
}

/// A database on another machine whose certificate is not checked.
fn store(config: &Config) -> Vec<Diagnostic> {
    let url = Url::parse(&config.store.url).ok();
    let url = url.filter(|url| url.scheme().starts_with("postgres"));
    let Some(url) = url else { return Vec::new() };
    let value = |wanted: &str| {
        let mut pairs = url.query_pairs();
        pairs.find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
    };
    // A socket's folder is on this machine.
    let host = value("host").or_else(|| url.host_str().map(str::to_owned));
    let is_remote = host.is_some_and(|host| !host.starts_with('/') && !is_this_machine(&host));
    let mode = value("sslmode").unwrap_or_else(|| "prefer".to_owned());
    if !is_remote || mode == "verify-full" {
        return Vec::new();
    }
    let what =
        format!("sslmode is {mode}: the connection to another machine can be read or redirected");
    vec![config.fault(
        "store.url",
        what,
        "add ?sslmode=verify-full, and sslrootcert if the CA is your own",
    )]
}

/// Passwords and tokens that are sent without TLS.
fn credentials(config: &Config) -> Vec<Diagnostic> {
    let webhooks = config.webhooks.iter().filter_map(|(name, webhook)| {
        let (url, key) = match &webhook.request.auth {
            Auth::None => return None,
            Auth::OAuth2(oauth) if is_open_http(&oauth.token_url) => (
                oauth.token_url.as_str(),
                format!("webhooks.{name}.auth.oauth2.token_url"),
            ),
            Auth::Basic { .. } | Auth::Bearer(_) | Auth::OAuth2(_) => {
                (webhook.request.url.as_str(), format!("webhooks.{name}.url"))
            }
        };
        is_open_http(url).then_some(key)
    });
    let traces = &config.traces;
    let collector = traces.url.as_ref().filter(|_| traces.auth != Auth::None);
    let collector = collector.filter(|url| is_open_http(url.as_str()));
    let keys = webhooks.chain(collector.map(|_| "traces.url".to_owned()));
    keys.map(|key| {
        let what = "the credentials are sent over http: anyone on the way can read them";
        config.fault(&key, what, "write https://")
    })
    .collect()
}

/// Lists of addresses that allow every address.
fn ranges(config: &Config) -> Vec<Diagnostic> {
    let nobody = Vec::new();
    let proxies = config.trusted_proxy.as_ref();
    let lists = [
        (
            "trusted_proxy.from",
            proxies.map_or(&nobody, |proxy| &proxy.from),
            "everybody who sends the header is believed",
            "list the address of the proxy",
        ),
        (
            "egress.allow_addresses",
            &config.egress.allow_addresses,
            "webhooks may reach every address of your network",
            "list the ranges of the webhooks, such as \"10.1.2.0/24\"",
        ),
        (
            "listen.allow",
            &config.listen.allow,
            "every address may connect",
            "list the addresses of the switches",
        ),
    ];
    let open = lists.into_iter().filter_map(|(key, list, what, help)| {
        let all = list.iter().find(|range| range.prefix_len() == 0)?;
        Some(config.fault(key, format!("{all}: {what}"), help))
    });
    open.collect()
}

/// Files of secrets that every user of this machine can read.
fn files(config: &Config) -> Vec<Diagnostic> {
    let files = config.secret_files().into_iter();
    let open = files.filter(|(_, file)| grants(file, 0o004));
    open.map(|(key, file)| {
        let file = file.display();
        let what = format!("{file} has a secret, and every user of this machine can read it");
        config.fault(&key, what, format!("chmod o-rwx {file}"))
    })
    .collect()
}

/// Returns whether a file grants one of these rights of `chmod`, such as `0o077`: anything to
/// others than its owner.
#[cfg(unix)]
#[must_use]
pub fn grants(file: &Path, rights: u32) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).map(|found| found.permissions().mode());
    mode.is_ok_and(|mode| mode & rights != 0)
}

/// Returns `false`: files have no such rights here.
#[cfg(not(unix))]
#[must_use]
pub fn grants(_: &Path, _: u32) -> bool {
    false
}

/// Whether a URL, or the template of one, goes over http to another machine.
fn is_open_http(url: &str) -> bool {
    let Some(rest) = url.trim_start().strip_prefix("http://") else {
        return false;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = &rest[..end];
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        Some(_) | None => authority,
    };
    !is_this_machine(host)
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the keys that are warned of.
    fn keys(text: &str) -> Vec<String> {
        let config = Config::parse(text, "test.toml").unwrap_or_else(|faults| panic!("{faults}"));
        let found = warnings(&config);
        assert!(found.iter().all(|warning| !warning.help.is_empty()));
        found.into_iter().map(|warning| warning.key).collect()
    }

    #[test]
    fn what_strangers_can_reach_or_read_is_warned_of() {
        const HOOK: &str = "[listen]\n[egress]\nallow_plain_http = true\n[webhooks.x]\n";
        for (text, wanted) in [
            ("[listen]\n".to_owned(), &[][..]),
            ("[listen]\nhttp = \"0.0.0.0:8085\"\n".into(), &["listen.http"]),
            (
                "[listen]\n[trusted_proxy]\nfrom = [\"0.0.0.0/0\"]\n".into(),
                &["trusted_proxy.from"],
            ),
            ("[listen]\nesl = \"10.0.0.1:8084\"\n".into(), &["listen.esl"]),
            ("[listen]\nesl = \"[::ffff:127.0.0.1]:8084\"\n".into(), &[]),
            (
                "[listen]\nesl = \"10.0.0.1:8084\"\nallow = [\"10.0.0.5\"]\n".into(),
                &[],
            ),
            (
                "[listen]\nallow = [\"0.0.0.0/0\"]\n[egress]\nallow_addresses = [\"::/0\"]\n".into(),
                &["egress.allow_addresses", "listen.allow"],
            ),
            (
                "[listen]\n[store]\nurl = \"postgres://u@db.example/x?sslmode=require\"\n".into(),
                &["store.url"],
            ),
            (
                "[listen]\n[store]\nurl = \"postgres://u@db.example/x?sslmode=verify-full\"\n".into(),
                &[],
            ),
            ("[listen]\n[store]\nurl = \"postgres://u@127.0.0.1/x\"\n".into(), &[]),
            ("[listen]\n[store]\nurl = \"postgres://u@x/x?host=/run/pg\"\n".into(), &[]),
            (
                format!("{HOOK}url = \"http://crm.example/\"\nauth.bearer = {{ token = \"t\" }}\n"),
                &["webhooks.x.url"],
            ),
            (
                format!("{HOOK}url = \"http://127.0.0.1:9/\"\nauth.bearer = {{ token = \"t\" }}\n"),
                &[],
            ),
            (format!("{HOOK}url = \"http://crm.example/\"\n"), &[]),
            (
                "[listen]\n[recordings]\npublic_url = \"http://rec.example/{{ file_name }}\"\n".into(),
                &["recordings.public_url"],
            ),
            (
                "[listen]\n[recordings]\nserve = { folder = \"/rec\", url = \"https://rec.example\", \
                 secret = \"at least 16 characters\", listen = \"0.0.0.0:8087\" }\n"
                    .into(),
                &["recordings.serve.listen"],
            ),
        ] {
            assert_eq!(keys(&text), wanted, "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secrets_file_that_others_can_read_is_warned_of() {
        use std::fs::{Permissions, set_permissions, write};
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        write(&file, "a token, long enough").unwrap();
        let text = format!("[listen]\nhttp_token_file = \"{}\"\n", file.display());
        for (mode, wanted) in [
            (0o600, &[][..]),
            (0o640, &[]),
            (0o644, &["listen.http_token_file"]),
        ] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            assert_eq!(keys(&text), wanted, "{mode:o}");
        }
        // The configuration itself.
        let own = folder.path().join("switchhook.toml");
        write(&own, "[listen]\nhttp_token = \"a token, long enough\"\n").unwrap();
        for (mode, count) in [(0o600, 0), (0o644, 1)] {
            set_permissions(&own, Permissions::from_mode(mode)).unwrap();
            let found = warnings(&Config::load(&own).unwrap());
            assert_eq!(found.len(), count, "{found:?}");
        }
    }
}
