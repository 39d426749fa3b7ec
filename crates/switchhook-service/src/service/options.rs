//! Translates the configuration into the options of each component.

use std::collections::HashMap;
use std::sync::Arc;

use crate::call_control::{CallControlOptions, park};
use crate::config::{Config, Diagnostics};
use crate::follow::{CdrOptions, FollowOptions, Password};
use crate::outbox::{Endpoint, Endpoints, OutboxOptions};
use crate::recorder::{Recorder, Secrets};
use eslclient::{Limits, MemoryBudget};
use switchhook_admin::Guard;
use switchhook_core::mask::Mask;
use switchhook_store::event_lane;
use switchhook_store::{Role, StoreOptions};
use switchhook_webhook::breakers::BreakerConfig;
use switchhook_webhook::options::Auth;
use switchhook_webhook::signing::Signer;

/// Returns how each webhook is delivered to.
///
/// # Errors
/// Invalid signing secrets, each with its line.
pub(super) fn endpoints(config: &Config) -> Result<Endpoints, Diagnostics> {
    let mut faults = Vec::new();
    let mut endpoints = HashMap::with_capacity(config.webhooks.len());
    for (name, webhook) in &config.webhooks {
        let signer = match Signer::new(&webhook.signing) {
            _ if webhook.signing.is_empty() => None,
            Ok(signer) => Some(signer),
            Err(error) => {
                let key = format!("webhooks.{name}.signing");
                faults.push(config.fault(
                    &key,
                    error.to_string(),
                    "a secret is written as whsec_ and base64 of 24 to 64 bytes",
                ));
                None
            }
        };
        let endpoint = Endpoint {
            rate_per_s: f64::from(webhook.delivery.rate),
            max_in_flight: webhook.delivery.in_flight,
            timeout: webhook.request.timeout,
            signer,
            taken: webhook.delivery.taken.clone(),
        };
        if config.gets_events(name) {
            endpoints.insert(event_lane(name), endpoint.clone());
        }
        endpoints.insert(name.clone(), endpoint);
    }
    config.accept(faults)?;
    Ok(Arc::new(endpoints))
}

/// Returns the circuit breakers of the webhooks that have one.
pub(super) fn breakers(config: &Config) -> impl Iterator<Item = BreakerConfig> {
    let webhooks = config.webhooks.iter();
    webhooks.filter_map(|(name, webhook)| {
        Some(BreakerConfig {
            webhook: name.clone(),
            fallback_urls: webhook.request.fallback_urls.len(),
            options: webhook.breaker?,
            settings: config.webhook_excerpt(name).to_owned(),
            time_zone: config.account.time_zone,
        })
    })
}

/// Returns the limits and deadlines of calls on hold.
pub(super) fn call_control(config: &Config) -> CallControlOptions {
    let limits = &config.limits;
    CallControlOptions {
        calls_on_hold: limits.calls_on_hold,
        connections: limits.connections,
        connect_deadline: limits.connect_deadline,
        goodbye_deadline: limits.reply_deadline,
        frames: frames(config),
        frame_memory: MemoryBudget::new(limits.frame_memory),
        allow: config.listen.allow.clone(),
        mask: Mask(config.account.mask_numbers),
        recorder: Recorder::new(config.recorder.clone(), secrets(config)),
        ..CallControlOptions::default()
    }
}

/// Returns the limits on the frames that a switch sends.
fn frames(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        header_bytes: limits.frame_header_bytes,
        headers: limits.frame_headers,
        body_bytes: limits.frame_body_bytes,
    }
}

/// Returns every secret of the configuration, to be redacted in recordings.
pub(super) fn secrets(config: &Config) -> Secrets {
    let of_auth = |auth| match auth {
        &Auth::None => None,
        Auth::Basic { password, .. } => Some(password),
        Auth::Bearer(token) => Some(token),
        Auth::OAuth2(oauth) => Some(&oauth.client_secret),
    };
    let webhooks = config.webhooks.values().flat_map(|webhook| {
        let auth = of_auth(&webhook.request.auth);
        auth.into_iter().chain(&webhook.signing)
    });
    let switches = config.freeswitch.iter().flat_map(|switch| {
        let posts = switch.json_cdr_auth.as_ref();
        [&switch.password]
            .into_iter()
            .chain(posts.map(|posts| &posts.password))
    });
    let own = [&config.listen.http_token, &config.store.password];
    let own = own
        .into_iter()
        .flatten()
        .chain(of_auth(&config.traces.auth))
        .chain(config.recordings.secret());
    let all = webhooks.chain(switches).chain(own);
    all.map(|secret| secret.reveal()).collect()
}

/// Returns the access rules of the operator's HTTP.
pub(super) fn guard(config: &Config) -> Guard {
    let listen = &config.listen;
    let guard = Guard::new(listen.http_hosts.clone(), listen.http_token.as_ref());
    guard.with_users(config.users.clone(), config.trusted_proxy.clone())
}

/// Returns how documents are delivered over all webhooks.
pub(super) fn outbox(config: &Config) -> OutboxOptions {
    OutboxOptions {
        in_flight: config.limits.deliveries_in_flight,
        keep: config.keep,
        ..OutboxOptions::default()
    }
}

/// Returns the switches whose parked calls are taken.
pub(super) fn park(config: &Config, passwords: &[(String, Password)]) -> Vec<park::ParkOptions> {
    let frames = frames(config);
    let given = config.freeswitch.iter().filter_map(|switch| {
        let service = switch.park_service.clone()?;
        // The follower's, which a reload replaces.
        let shared = passwords.iter().find(|(of, _)| *of == switch.address);
        let (_, password) = shared?;
        Some(park::ParkOptions {
            address: switch.address.clone(),
            password: Arc::clone(password),
            service,
            frames,
            connect_deadline: config.limits.connect_deadline,
        })
    });
    given.collect()
}

/// Returns how the store is opened.
#[must_use]
pub fn store_options(config: &Config, role: Role) -> StoreOptions {
    let password = config.store.password.as_ref();
    StoreOptions {
        password: password.map(|password| password.reveal().to_owned()),
        ..StoreOptions::new(&config.store.url, role)
    }
}

/// Returns how each switch is followed.
pub(super) fn followers(config: &Config) -> Vec<FollowOptions> {
    let frames = frames(config);
    let switches = config.freeswitch.iter();
    switches
        .map(|switch| FollowOptions {
            address: switch.address.clone(),
            password: switch.password.clone(),
            name: switch.name.clone(),
            frames,
            connect_deadline: config.limits.connect_deadline,
            patience: config.limits.details_deadline,
            cdrs: switch.json_cdr_dir.clone().map(|folder| CdrOptions {
                folder,
                bytes: u64::try_from(config.limits.frame_body_bytes).unwrap_or(u64::MAX),
            }),
        })
        .collect()
}
