//! The part of XPath 1.0 that finds values in a response: [`SUBSET`].
//!
//! No XPath crate fitted: the complete one brings a whole XQuery engine, the other one had its
//! last release in 2018. Names match by their local part in any namespace, because people write
//! paths without prefixes for services with default namespaces.

mod parse;
mod walk;

use roxmltree::Document;

use parse::Parser;
pub(super) use walk::BudgetExceeded;
use walk::Walk;

/// The supported syntax, in one sentence for people.
pub(super) const SUBSET: &str = "/a/b, //b, *, ., .., @attr, text(), [2], [last()], [@a], [child], \
     [@a='v'], [child='v'], [text()='v'], [local-name()='v'], [namespace-uri()='v'], `and`, \
     string(…) and normalize-space(…)";

/// A compiled path.
#[derive(Debug)]
pub(super) struct XPath {
    path: Path,
    normalize: bool,
}

#[derive(Debug, Default)]
struct Path {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    /// `//` before it: any depth.
    anywhere: bool,
    test: Test,
    predicates: Vec<Predicate>,
}

#[derive(Debug)]
enum Test {
    Itself,
    Parent,
    /// `None` is `*`.
    Child(Option<String>),
    /// `None` is `@*`.
    Attribute(Option<String>),
    Text,
}

#[derive(Debug)]
enum Predicate {
    Position(usize),
    Last,
    Exists(Path),
    Equals(Path, String),
    /// `local-name()='v'`, `name()='v'`.
    Name(String),
    /// `namespace-uri()='v'`.
    Namespace(String),
}

impl XPath {
    /// Compiles a path.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(source: &str) -> Result<Self, String> {
        let source = source.trim();
        let inner = |function: &str| {
            let rest = source.strip_prefix(function)?.trim_start();
            Some(rest.strip_prefix('(')?.strip_suffix(')')?.trim())
        };
        let (text, normalize) = match (inner("normalize-space"), inner("string")) {
            (Some(path), _) => (path, true),
            (None, Some(path)) => (path, false),
            (None, None) => (source, false),
        };
        let path = Parser::whole(text)?;
        Ok(Self { path, normalize })
    }

    /// Returns the string value of the first node found, in document order.
    pub(super) fn first(&self, document: &Document<'_>) -> Result<Option<String>, BudgetExceeded> {
        let found = Walk::document(&self.path, document)?;
        Ok(found.first().map(|item| {
            let text = item.text();
            if self.normalize {
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            } else {
                text
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<r:reply xmlns:r="urn:r" xmlns="urn:d" code="7">
        <customer id="1"><name>Ann</name></customer>
        <customer id="2"><name>Bob <b>B.</b></name><vip/></customer>
        <queue> main
          desk </queue>
        <deep><deep><name>Eve</name></deep></deep>
      </r:reply>"#;

    fn find(path: &str) -> Option<String> {
        let document = Document::parse(DOCUMENT).unwrap();
        XPath::parse(path).unwrap().first(&document).unwrap()
    }

    #[test]
    fn the_first_node_of_a_path_is_found() {
        for (path, expected) in [
            ("/reply/customer/name", "Ann"),
            ("/r:reply/customer[2]/name", "Bob B."),
            ("reply/customer[last()]/name/b", "B."),
            ("//name", "Ann"),
            ("//customer[@id='2']/name", "Bob B."),
            ("//customer[name = \"Ann\"]/@id", "1"),
            ("//customer[vip]/@id", "2"),
            ("//customer[@id][2]/@id", "2"),
            ("//name[text()='Eve']", "Eve"),
            ("//name[.='Ann']/../@id", "1"),
            ("/*/@code", "7"),
            ("/reply/@*", "7"),
            ("string(//customer[2]/name/text())", "Bob "),
            ("normalize-space(/reply/queue)", "main desk"),
            ("//deep//name", "Eve"),
            ("//customer[name/b]/@id", "2"),
            ("//*[local-name()='name']", "Ann"),
            (
                "/*[local-name() = \"reply\"]/*[local-name()='customer'][2]/@id",
                "2",
            ),
            ("//*[name()='r:reply']/@code", "7"),
            (
                "//*[local-name()='customer' and namespace-uri()='urn:d']/@id",
                "1",
            ),
            ("//*[namespace-uri()='urn:r']/@code", "7"),
            ("//@*[local-name()='id']", "1"),
            ("//customer[@id='2' and vip]/name/b", "B."),
        ] {
            assert_eq!(find(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/reply/nobody",
            "//customer[3]",
            "//@nothing",
            "/customer",
            "//vip/text()",
            "//*[local-name()='customer' and namespace-uri()='urn:r']",
        ] {
            assert_eq!(find(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for path in [
            "",
            "/",
            "//",
            "/a/",
            "a[",
            "a[0]",
            "a[@b=c]",
            "a[@b='c]",
            "count(//a)",
            "a | b",
            "child::a",
            "a[position()<2]",
            "a]",
            "$x",
            "a[/b]",
            "a b",
            "1a",
            "a[local-name()]",
            "a[local-name(b)='c']",
            "a[2 and @b]",
        ] {
            assert!(XPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_that_looks_everywhere_of_everywhere_ends() {
        let text = format!("{}{}", "<a>".repeat(3_000), "</a>".repeat(3_000));
        let document = Document::parse(&text).unwrap();
        let path = XPath::parse("//a//a//a//b").unwrap();
        assert_eq!(path.first(&document), Err(BudgetExceeded));
    }
}
