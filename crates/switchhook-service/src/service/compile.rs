//! Compiles the webhooks of a configuration.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::call_control::{AnswerSource, Hold, WebhookTask, WebhookTasks};
use crate::config::{self, Config, Diagnostic, Diagnostics};
use crate::documents::format;
use switchhook_core::tenants::{Account, Routes, Tenants};
use switchhook_core::variables::{VariableNames, VariablePlan};
use switchhook_webhook::egress::{Egress, ProxyAuth};
use switchhook_webhook::redact;
use switchhook_webhook::{Client, Webhook};

use super::{Answerers, StartError};

/// Compiles every webhook of a configuration, and their HTTP client.
///
/// # Errors
/// Every fault at once, each with its line.
pub fn compile(config: &Config) -> Result<WebhookTasks, Diagnostics> {
    // Before anything of a request is shown.
    redact::add_secret_names(config.egress.secret_params.iter());
    let mut faults = Vec::new();
    let egress = egress(&config.egress);
    let mut by_name = HashMap::with_capacity(config.webhooks.len());
    for (name, section) in &config.webhooks {
        if let Some(task) = compile_webhook(config, name, section, &mut faults) {
            by_name.insert(name.clone(), Arc::new(task));
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
    prepare_client(config, &client, &by_name)?;
    let tenants = Arc::new(tenants(config));
    Ok(WebhookTasks {
        by_name,
        client,
        tenants,
        settings: config.webhook_excerpt("").to_owned(),
        document_format: format::of_call_in_progress(config, &VariableNames::default()),
    })
}

/// Compiles the webhooks as [`compile`] does, and adds Rust code that answers calls.
///
/// # Errors
/// As [`compile`], and an answerer whose name or variables cannot be used.
pub(super) fn compile_with(
    config: &Config,
    answerers: &Answerers,
) -> Result<WebhookTasks, StartError> {
    let mut tasks = compile(config)?;
    for (name, answerer) in answerers {
        let document_format = tasks.document_format.clone();
        let task = WebhookTask::answered_by(name, Arc::clone(answerer), document_format)?;
        let before = tasks.by_name.insert(name.clone(), Arc::new(task));
        if before.is_some() {
            return Err(StartError::AnsweredTwice(name.clone()));
        }
    }
    Ok(tasks)
}

/// Loads certificates and keys now, so that a faulty one is a configuration error and not a failed
/// call.
fn prepare_client(
    config: &Config,
    client: &Client,
    tasks: &HashMap<String, Arc<WebhookTask>>,
) -> Result<(), Diagnostics> {
    let fault = |(name, task): (&String, &Arc<WebhookTask>)| {
        let error = client.prepare_for(task.webhook()?).err()?;
        let key = format!("webhooks.{name}.tls");
        Some(config.fault(&key, error.to_string(), "correct it, or leave it out"))
    };
    config.accept(tasks.iter().filter_map(fault).collect())
}

fn compile_webhook(
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
    let options = &section.task;
    Some(WebhookTask {
        plan: VariablePlan::new(
            options.variables.clone(),
            options.response_raw,
            webhook.mapped_names().map(str::to_owned).collect(),
        ),
        source: AnswerSource::Webhook(Box::new(webhook)),
        hold: Hold {
            music: options.hold_music.clone(),
            before_answer: options.before_answer,
        },
        document_format: format::of_call_in_progress(config, &options.variables),
        wait_for_response: options.wait_for_response,
        persist_response: options.persist_response,
        settings: config.webhook_excerpt(name).to_owned(),
    })
}

/// Returns the accounts and routes that calls belong to.
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
        ignore_privacy: config.account.privacy == config::Privacy::Ignore,
        accounts: accounts
            .map(|(name, tenant)| (name.clone(), account(tenant)))
            .collect(),
        routes: Routes::new(config.routes.clone()),
        default,
    }
}

/// Returns a warning for each webhook whose address the egress rule refuses for every call.
pub(super) fn blocked_webhooks(config: &Config, tasks: &WebhookTasks) -> Vec<Diagnostic> {
    let egress = egress(&config.egress);
    let mut warnings = Vec::new();
    for (name, task) in &tasks.by_name {
        let Some(webhook) = task.webhook() else {
            continue;
        };
        let first = webhook.sample_url().into_iter().map(|url| ("url", url));
        let further = webhook
            .sample_fallback_urls()
            .map(|url| ("fallback_urls", url));
        for (key, url) in first.chain(further) {
            let Err(blocked) = egress.check_url(&url) else {
                continue;
            };
            let what = if key == "url" {
                format!("{blocked}: every call takes line 1, BLOCKED_ADDRESS")
            } else {
                format!("{blocked}: a try there fails with BLOCKED_ADDRESS, and none follows")
            };
            let key = format!("webhooks.{name}.{key}");
            warnings.push(config.fault(&key, what, "see [egress] in the reference"));
        }
    }
    warnings
}

/// Returns a warning for each name that exists only after the call, in a webhook that gets no
/// documents.
pub(super) fn names_too_early(config: &Config, tasks: &WebhookTasks) -> Vec<Diagnostic> {
    let defaults = config
        .accounts
        .values()
        .map(|tenant| &tenant.default_webhook);
    let defaults = defaults.chain([&config.account.default_webhook]).flatten();
    let after = config.flows.values().flat_map(|flow| &flow.after);
    let with_documents: HashSet<&String> = defaults.chain(after).collect();
    let early = tasks.by_name.iter();
    let early = early.filter(|(name, _)| !with_documents.contains(name));
    let mut warnings = Vec::new();
    for (name, task) in early {
        for (key, field) in task
            .webhook()
            .iter()
            .flat_map(|one| one.names_after_the_call())
        {
            let key = format!("webhooks.{name}.{key}");
            let what =
                format!("{field} exists only after the call, and this webhook gets no documents");
            let help = "take it out, or let a flow's after or a default_webhook name this webhook";
            warnings.push(config.fault(&key, what, help));
        }
    }
    warnings
}

fn egress(section: &config::Egress) -> Egress {
    Egress {
        allow_plain_http: section.allow_plain_http,
        allow_addresses: section.allow_addresses.clone(),
        proxy: section.proxy.clone(),
        proxy_auth: section.proxy_auth.as_ref().map(|auth| ProxyAuth {
            username: auth.username.clone(),
            password: auth.password.clone(),
        }),
        hosts: section.hosts.clone(),
    }
}
