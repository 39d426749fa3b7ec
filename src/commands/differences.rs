//! Prints the differences of several calls: equal ones once, below the calls that have them.

use std::fmt::Write as _;

use switchhook_tools::replay::Difference;

/// The calls of a group that are named, unless every one is asked for.
const NAMED: usize = 3;

/// A call that is different.
pub struct DifferentCall<'a> {
    /// The line that names it.
    pub line: String,
    /// How it differs.
    pub differences: &'a [Difference],
}

/// Returns the calls in their order, each with those that differ in the same way. Commands to the
/// switch are left to `verbose`: the variables that they set are among the other differences.
pub fn text(calls: &[DifferentCall<'_>], verbose: bool) -> String {
    let mut out = String::new();
    for (members, differences) in groups(calls, verbose) {
        // Writing to a String cannot fail.
        let _ = group(&mut out, &members, &differences, verbose);
    }
    out
}

type Group<'a> = (Vec<&'a DifferentCall<'a>>, Vec<&'a Difference>);

fn groups<'a>(calls: &'a [DifferentCall<'a>], verbose: bool) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for call in calls {
        let all = call.differences.iter();
        let shown: Vec<_> = all.filter(|one| verbose || !one.is_command()).collect();
        let same = groups.iter_mut().find(|(_, known)| *known == shown);
        match same.filter(|_| !verbose) {
            Some((members, _)) => members.push(call),
            None => groups.push((vec![call], shown)),
        }
    }
    groups
}

fn group(
    out: &mut String,
    members: &[&DifferentCall<'_>],
    differences: &[&Difference],
    verbose: bool,
) -> std::fmt::Result {
    // A single one more would take a line, too.
    let named = if verbose || members.len() <= NAMED + 1 {
        members.len()
    } else {
        NAMED
    };
    for member in members.iter().take(named) {
        writeln!(out, "{}", member.line)?;
    }
    if named < members.len() {
        let more = members.len() - named;
        writeln!(
            out,
            "and {more} more with the same differences (--verbose names them)"
        )?;
    }
    for difference in differences {
        out.push_str(&one(difference));
    }
    let hidden = members
        .iter()
        .flat_map(|member| member.differences.iter().filter(|one| one.is_command()));
    if !verbose && hidden.count() > 0 {
        writeln!(out, "  commands to the switch (--verbose shows them)")?;
    }
    Ok(())
}

/// Returns a difference: its name, then the old and the new value below it.
fn one(difference: &Difference) -> String {
    let side = |sign: &str, text: &Option<String>| match text {
        Some(text) => format!("    {sign} {}\n", printable(text)),
        None => String::new(),
    };
    format!(
        "  {}\n{}{}",
        printable(&difference.what),
        side("-", &difference.was),
        side("+", &difference.is)
    )
}

/// Escapes control characters: text of a call must not control the terminal.
pub fn printable(text: &str) -> String {
    let safe = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(what: &str, was: &str, is: &str) -> Difference {
        let [was, is] = [was, is].map(|text| Some(text.to_owned()));
        let what = what.to_owned();
        Difference { what, was, is }
    }

    fn shown(calls: &[(&str, Vec<Difference>)], verbose: bool) -> String {
        let of = |(line, differences): &'_ (&str, Vec<Difference>)| {
            (line.to_string(), differences.clone())
        };
        let calls: Vec<_> = calls.iter().map(of).collect();
        let calls: Vec<_> = calls
            .iter()
            .map(|(line, differences)| DifferentCall {
                line: line.clone(),
                differences,
            })
            .collect();
        text(&calls, verbose)
    }

    #[test]
    fn equal_differences_are_printed_once_and_commands_on_request() {
        let vip = || difference("flow.key.vip", "no", "yes");
        let sent = |text: &str| difference(Difference::SENT, text, "");
        let calls = [
            ("a", vec![vip()]),
            ("b", vec![difference("reason", "x", "y")]),
            ("c", vec![vip(), sent("one")]),
            ("d", vec![sent("two")]),
        ];
        let commands = "  commands to the switch (--verbose shows them)\n";
        let vip = "  flow.key.vip\n    - no\n    + yes\n";
        let reason = "  reason\n    - x\n    + y\n";
        assert_eq!(
            shown(&calls, false),
            format!("a\nc\n{vip}{commands}b\n{reason}d\n{commands}")
        );
        let all = shown(&calls, true);
        assert!(
            all.starts_with(&format!("a\n{vip}b\n{reason}c\n{vip}")),
            "{all}"
        );
        assert!(all.contains("- one\n") && all.contains("- two\n"), "{all}");
    }

    #[test]
    fn of_many_calls_a_few_are_named() {
        let calls = |count| vec![("call", vec![difference("reason", "x", "y")]); count];
        let lines = |count, verbose| shown(&calls(count), verbose).matches("call\n").count();
        assert_eq!(
            [lines(4, false), lines(5, false), lines(5, true)],
            [4, 3, 5]
        );
        assert!(shown(&calls(9), false).contains("and 6 more with the same"));
    }
}
