//! What a call's row says of the webhooks that it asked, for the filters of the page.

/// Returns the line of one request: webhook, outcome and ending between blanks. Lines are stored
/// one after the other.
#[must_use]
pub fn asked_line(webhook: &str, reason: &str, ending: &str) -> String {
    let word = |text: &str| -> String {
        let cut = text.chars().take(LONGEST);
        cut.map(|c| if c.is_whitespace() { '_' } else { c })
            .collect()
    };
    format!(" {} {} {} \n", word(webhook), word(reason), word(ending))
}

/// Characters of a word.
const LONGEST: usize = 100;

/// Returns a LIKE pattern for rows with a request of this webhook, outcome and ending; `None` if
/// nothing is asked for.
pub(crate) fn asked_pattern(
    webhook: Option<&str>,
    reason: Option<&str>,
    line_1: bool,
) -> Option<String> {
    if webhook.is_none() && reason.is_none() && !line_1 {
        return None;
    }
    let any = "%".to_owned();
    let word = |text: Option<&str>| text.map_or_else(|| any.clone(), escaped);
    let ending = if line_1 { "line\\_1" } else { "%" };
    Some(format!("% {} {} {ending} \n%", word(webhook), word(reason)))
}

/// Escapes the wildcards of LIKE.
fn escaped(text: &str) -> String {
    let line = asked_line(text, "", "");
    let mut out = String::new();
    for c in line.trim().chars() {
        if matches!(c, '%' | '_' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
