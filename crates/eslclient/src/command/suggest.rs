//! The known name that is nearest to a wrong one.

/// Returns the known name that is at most two edits away, or that ends like the wrong one.
pub(super) fn nearest(wrong: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let wrong = wrong.to_ascii_uppercase();
    if wrong.is_empty() || wrong.len() > 64 {
        return None;
    }
    let all: Vec<_> = known.collect();
    let ends_alike = |name: &&String| name.ends_with(&format!("_{wrong}"));
    let near = all.iter().map(|name| (edits(&wrong, name), name)).min();
    match near {
        Some((distance, name)) if distance <= 2 => Some(name.clone()),
        Some(_) | None => all.iter().find(ends_alike).cloned(),
    }
}

/// Counts the insertions, deletions and replacements between two names (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, byte) in one.bytes().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, theirs) in row.iter_mut().skip(1).zip(other.bytes()) {
            let replaced = diagonal + usize::from(byte != theirs);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
