//! `switchhook outbox retry`.

use std::time::Duration;

use switchhook_service::outbox::{self, Replayed, RetryOptions};
use switchhook_store::DocumentFilter;

use crate::cli::operator::Retry;
use crate::cli::values::Rate;
use crate::commands;
use crate::commands::counted;
use crate::commands::store_context::{StoreContext, brief};

/// Ids of one command that the audit names.
const AUDITED: usize = 100;

/// Sends documents again, or prints their number.
pub async fn retry(context: &StoreContext, args: &Retry) -> Result<(), String> {
    let options = RetryOptions {
        filter: DocumentFilter {
            ids: args.ids.clone(),
            ..super::filter(&args.filter, context.times.zone)
        },
        dry_run: args.dry_run,
        per_second: args.rate.map(|rate| rate.per_second),
    };
    let replayed = outbox::retry(&context.store, &options).await;
    let replayed = replayed.map_err(|error| error.to_string())?;
    if let (Some(webhook), 0) = (&args.filter.webhook, replayed.documents) {
        context.check_name(webhook)?;
    }
    let message = sentence(&replayed, args.rate);
    if !replayed.dry_run && replayed.documents > 0 {
        audit(context, args, message.trim_end()).await;
    }
    commands::write_stdout(&message)?;
    if replayed.documents < args.ids.len() as u64 {
        commands::write_stderr(
            "the others are being sent right now, or do not match the options\n",
        );
    }
    Ok(())
}

/// Notes the documents by their ids, or what selected them.
async fn audit(context: &StoreContext, args: &Retry, result: &str) {
    for id in args.ids.iter().take(AUDITED) {
        context.audit("resend", id, result).await;
    }
    if args.ids.is_empty() {
        let states = args.filter.state.iter().map(|state| state.as_str());
        let words = args.filter.webhook.as_deref().into_iter().chain(states);
        let target = words.collect::<Vec<_>>().join(" ");
        let target = if target.is_empty() {
            "what is not delivered"
        } else {
            &target
        };
        context.audit("resend", target, result).await;
    }
}

fn sentence(replayed: &Replayed, rate: Option<Rate>) -> String {
    let number = counted(replayed.documents, "document", "documents");
    let over = rate.map(|rate| over(replayed.documents, rate));
    let over = over.unwrap_or_default();
    if replayed.dry_run {
        format!("{number} would be sent again{over}; nothing was changed\n")
    } else {
        format!("{number} will be sent again{over}\n")
    }
}

/// Returns the time until the last document is due.
#[expect(
    clippy::cast_precision_loss,
    reason = "a number of documents for a sentence"
)]
fn over(documents: u64, rate: Rate) -> String {
    let seconds = documents.saturating_sub(1) as f64 / rate.per_second;
    let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match documents {
        0 | 1 => String::new(),
        _ => format!(", over {}", brief(ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_how_many_and_over_which_time() {
        let text = |documents, dry_run, rate: Option<f64>| {
            let rate = rate.map(|per_second| Rate { per_second });
            sentence(&Replayed { documents, dry_run }, rate)
        };
        assert_eq!(text(1, false, Some(1.0)), "1 document will be sent again\n");
        assert_eq!(
            text(601, true, Some(10.0)),
            "601 documents would be sent again, over 1m; nothing was changed\n"
        );
        assert!(text(u64::MAX, false, Some(1e-300)).starts_with("18446744073709551615"));
    }
}
