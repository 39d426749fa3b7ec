//! XML responses: no DTD, no entity declarations, a limited number of nodes.

use roxmltree::{Document, ParsingOptions};

use super::{CompiledPath, Failure, FoundValue, invalid};

/// Maximum nodes of a document.
const MAX_NODES: u32 = 65_536;

/// Returns the string value of the first node that each path finds in `text`.
pub(super) fn find<'a>(
    text: &str,
    finders: impl Iterator<Item = &'a CompiledPath>,
) -> Result<Vec<Option<FoundValue>>, Failure> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| invalid(format!("the response is not XML: {error}")))?;
    finders.map(|finder| first(finder, &document)).collect()
}

fn first(finder: &CompiledPath, document: &Document<'_>) -> Result<Option<FoundValue>, Failure> {
    let CompiledPath::Xml(path) = finder else {
        return Ok(None);
    };
    let text = path
        .first(document)
        .map_err(|_| invalid("the response is too large for an XPath in response.map"))?;
    Ok(text.map(|text| FoundValue { text, typed: false }))
}

/// Returns the encoding of an XML declaration, in lower case.
pub(super) fn declared(body: &[u8]) -> Option<String> {
    let head = body.get(..body.len().min(128))?;
    let head = String::from_utf8_lossy(head);
    let declaration = head.strip_prefix("<?xml")?.split_once("?>")?.0;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (name, _) = rest.get(1..)?.split_once(quote)?;
    Some(name.to_ascii_lowercase())
}
