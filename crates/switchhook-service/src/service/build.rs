//! From what the configuration says to what the parts take.

use std::collections::HashMap;
use std::sync::Arc;

use crate::call_control::{self, Hold, Source, WebhookTask, WebhookTasks, park};
use crate::config::{self, Config, Diagnostic, Diagnostics};
use crate::follow;
use crate::outbox::{self, Endpoint, Endpoints};
use crate::recorder::{Recorder, Secrets};
use eslclient::Limits;
use switchhook_admin::Guard;
use switchhook_core::details::{DurationUnit, Format, Legs};
use switchhook_core::mask::Mask;
use switchhook_core::tenants::{Account, Routes, Tenants};
use switchhook_core::variables::{FLOW_KEY, Names, Plan};
use switchhook_store::{self as store, Role};
use switchhook_webhook::breakers::BreakerConfig;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::options::Auth;
use switchhook_webhook::signing::Signer;
use switchhook_webhook::{Client, Webhook};

use super::{Answerers, StartError};

/// Everything that is compiled from a configuration.
pub struct Built {
    /// What calls are asked with.
    pub widgets: WebhookTasks,
}

/// Compiles every webhook and the HTTP client.
///
/// # Errors
/// Every fault at once, each with its line.
pub fn compile(config: &Config) -> Result<Built, Diagnostics> {
    let mut faults = Vec::new();
    let egress = egress(&config.egress);
    let mut by_name = HashMap::with_capacity(config.webhooks.len());
    for (name, section) in &config.webhooks {
        if let Some(widget) = widget(config, name, section, &mut faults) {
            by_name.insert(name.clone(), Arc::new(widget));
        }
    }
    let client = Client::new(egress).map_err(|error| {
        let fault = config.fault(
            "egress.proxy",
            error.to_string(),
            "correct it, or leave it out",
        );
        config.refuse(vec![fault])
    });
    config.accept(faults)?;
    let client = client?;
    prepare(config, &client, &by_name)?;
    let tenants = Arc::new(tenants(config));
    Ok(Built {
        widgets: WebhookTasks {
            by_name,
            client,
            tenants,
            settings: config.webhook_text("").to_owned(),
            so_far: so_far(config, &Names::default()),
        },
    })
}

/// The same, with Rust code that answers beside the webhooks.
///
/// # Errors
/// As [`compile`], and an answerer whose name or variables cannot be used.
pub(crate) fn compile_with(config: &Config, answerers: &Answerers) -> Result<Built, StartError> {
    let mut built = compile(config)?;
    for (name, answerer) in answerers {
        let so_far = built.widgets.so_far.clone();
        let widget = WebhookTask::answered_by(name, Arc::clone(answerer), so_far)?;
        let before = built.widgets.by_name.insert(name.clone(), Arc::new(widget));
        if before.is_some() {
            return Err(StartError::AnsweredTwice(name.clone()));
        }
    }
    Ok(built)
}

/// What no webhook can do without is found out before a call needs it.
fn prepare(
    config: &Config,
    client: &Client,
    widgets: &HashMap<String, Arc<WebhookTask>>,
) -> Result<(), Diagnostics> {
    let fault = |(name, widget): (&String, &Arc<WebhookTask>)| {
        let error = client.prepare_for(widget.webhook()?).err()?;
        let key = format!("webhooks.{name}.tls");
        Some(config.fault(&key, error.to_string(), "correct it, or leave it out"))
    };
    config.accept(widgets.iter().filter_map(fault).collect())
}

fn widget(
    config: &Config,
    name: &str,
    section: &config::Webhook,
    faults: &mut Vec<Diagnostic>,
) -> Option<WebhookTask> {
    let key = |key: &str| format!("webhooks.{name}.{key}");
    let webhook = match Webhook::compile(name, section.request.clone()) {
        Ok(webhook) => webhook,
        Err(found) => {
            faults.extend(
                found
                    .into_iter()
                    .map(|fault| config.fault(&key(&fault.key), fault.what, fault.help)),
            );
            return None;
        }
    };
    let options = &section.widget;
    Some(WebhookTask {
        plan: Plan::new(
            options.variables.clone(),
            options.response_raw,
            webhook.mapped_names().map(str::to_owned).collect(),
        ),
        source: Source::Webhook(Box::new(webhook)),
        hold: Hold {
            music: options.hold_music.clone(),
            before_answer: options.before_answer,
        },
        so_far: so_far(config, &options.variables),
        wait_for_response: options.wait_for_response,
        persist_response: options.persist_response,
        settings: config.webhook_text(name).to_owned(),
    })
}

/// How the predefined document shows a call whose widget writes under these names.
fn so_far(config: &Config, names: &Names) -> Format {
    Format {
        raw_names: table_names(names),
        ..format(config, &config::Flow::default())
    }
}

/// Whose a call is.
#[must_use]
pub fn tenants(config: &Config) -> Tenants {
    let default = Account {
        default_webhook: config.account.default_webhook.clone(),
        time_zone: config.account.time_zone,
    };
    let account = |tenant: &config::Tenant| Account {
        default_webhook: tenant.default_webhook.clone(),
        time_zone: tenant.time_zone.unwrap_or(default.time_zone),
    };
    let accounts = config.accounts.iter();
    Tenants {
        accounts: accounts
            .map(|(name, tenant)| (name.clone(), account(tenant)))
            .collect(),
        routes: Routes::new(config.routes.clone()),
        default,
    }
}

/// The names, without `flow.key.`, of the table: a call's document so far does not show
/// what the hook in the dialplan presets there.
fn table_names(names: &Names) -> Vec<String> {
    let short = names
        .all()
        .into_iter()
        .filter_map(|(_, name)| name.strip_prefix(FLOW_KEY));
    short.map(str::to_owned).collect()
}

/// Webhooks whose address the egress rule refuses whatever the call: worth a warning, for
/// each of their calls takes line 1.
pub(crate) fn blocked(config: &Config, built: &Built) -> Vec<Diagnostic> {
    let egress = egress(&config.egress);
    let mut warnings = Vec::new();
    for (name, widget) in &built.widgets.by_name {
        let url = widget.webhook().and_then(Webhook::sample_url);
        if let Some(Err(blocked)) = url.map(|url| egress.check_url(&url)) {
            let what = format!("{blocked}: every call takes line 1, BLOCKED_ADDRESS");
            let key = format!("webhooks.{name}.url");
            warnings.push(config.fault(&key, what, "see [egress] in the reference"));
        }
    }
    warnings
}

fn egress(section: &config::Egress) -> Egress {
    Egress {
        allow_plain_http: section.allow_plain_http,
        allow_addresses: section.allow_addresses.clone(),
        proxy: section.proxy.clone(),
    }
}

/// How a flow's documents look.
pub(crate) fn format(config: &Config, flow: &config::Flow) -> Format {
    Format {
        legs: match flow.legs {
            config::LegChoice::All => Legs::All,
            config::LegChoice::Connected => Legs::Connected,
        },
        duration_unit: match flow.duration_unit {
            config::DurationUnit::Milliseconds => DurationUnit::Milliseconds,
            config::DurationUnit::Seconds => DurationUnit::Seconds,
        },
        uuid_key: flow.uuid_key.clone(),
        keys_raw: flow.keys_raw,
        raw_names: raw_names(config),
        time_zone: config.account.time_zone,
        learnt_key: flow.learnt_key.clone(),
    }
}

/// The names, without `flow.key.`, under which widgets write raw responses.
pub(crate) fn raw_names(config: &Config) -> Vec<String> {
    let mut names: Vec<String> = config
        .webhooks
        .values()
        .filter_map(|webhook| webhook.widget.variables.response_raw.strip_prefix(FLOW_KEY))
        .map(str::to_owned)
        .chain(["response_raw".to_owned()])
        .collect();
    names.sort();
    names.dedup();
    names
}

/// How every webhook is delivered to.
///
/// # Errors
/// Secrets that are none, with their line.
pub(crate) fn endpoints(config: &Config) -> Result<Endpoints, Diagnostics> {
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
                    "a secret reads whsec_ and base64 of 24 to 64 bytes",
                ));
                None
            }
        };
        let endpoint = Endpoint {
            rate_per_s: f64::from(webhook.delivery.rate),
            max_in_flight: webhook.delivery.in_flight,
            timeout: webhook.request.timeout,
            signer,
        };
        endpoints.insert(name.clone(), endpoint);
    }
    config.accept(faults)?;
    Ok(Arc::new(endpoints))
}

/// When each webhook is left alone, of those that say so.
pub(crate) fn breakers(config: &Config) -> impl Iterator<Item = BreakerConfig> {
    let webhooks = config.webhooks.iter();
    webhooks.filter_map(|(name, webhook)| {
        Some(BreakerConfig {
            webhook: name.clone(),
            options: webhook.breaker?,
            settings: config.webhook_text(name).to_owned(),
            time_zone: config.account.time_zone,
        })
    })
}

/// The limits and times of calls on hold.
pub(crate) fn takeover_options(config: &Config) -> call_control::CallControlOptions {
    let limits = &config.limits;
    call_control::CallControlOptions {
        calls_on_hold: limits.calls_on_hold,
        connections: limits.connections,
        connect_deadline: limits.connect_deadline,
        goodbye_deadline: limits.reply_deadline,
        frames: Limits {
            header_bytes: limits.frame_header_bytes,
            headers: limits.frame_headers,
            body_bytes: limits.frame_body_bytes,
        },
        allow: config.listen.allow.clone(),
        mask: Mask(config.account.mask_numbers),
        recorder: Recorder::new(config.recorder.clone(), secrets(config)),
        ..call_control::CallControlOptions::default()
    }
}

/// Every secret of the configuration, to be kept out of recordings.
pub(crate) fn secrets(config: &Config) -> Secrets {
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

/// Who may do what over HTTP.
pub(crate) fn guard(config: &Config) -> Guard {
    let listen = &config.listen;
    Guard::new(listen.http_hosts.clone(), listen.http_token.as_ref())
}

/// How documents are delivered, over all webhooks.
pub(crate) fn outbox_options(config: &Config) -> outbox::OutboxOptions {
    outbox::OutboxOptions {
        in_flight: config.limits.deliveries_in_flight,
        keep: config.keep,
        ..outbox::OutboxOptions::default()
    }
}

/// The switches whose parked calls are taken.
pub(crate) fn park_options(config: &Config) -> Vec<park::ParkOptions> {
    let frames = takeover_options(config).frames;
    let given = config.freeswitch.iter().filter_map(|switch| {
        let service = switch.park_service.clone()?;
        Some(park::ParkOptions {
            address: switch.address.clone(),
            password: switch.password.clone(),
            service,
            frames,
            connect_deadline: config.limits.connect_deadline,
        })
    });
    given.collect()
}

/// How the store is opened.
#[must_use]
pub fn store_options(config: &Config, role: Role) -> store::StoreOptions {
    let password = config.store.password.as_ref();
    store::StoreOptions {
        password: password.map(|password| password.reveal().to_owned()),
        ..store::StoreOptions::new(&config.store.url, role)
    }
}

/// How each switch is followed.
pub(crate) fn follow_options(config: &Config) -> Vec<follow::FollowOptions> {
    let frames = takeover_options(config).frames;
    let switches = config.freeswitch.iter();
    switches
        .map(|switch| follow::FollowOptions {
            address: switch.address.clone(),
            password: switch.password.clone(),
            name: switch.name.clone(),
            frames,
            connect_deadline: config.limits.connect_deadline,
            patience: config.limits.details_deadline,
            cdrs: switch
                .json_cdr_dir
                .clone()
                .map(|folder| follow::CdrOptions {
                    folder,
                    bytes: u64::try_from(config.limits.frame_body_bytes).unwrap_or(u64::MAX),
                }),
        })
        .collect()
}
