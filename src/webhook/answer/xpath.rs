//! The part of XPath 1.0 that finds a value in an answer: [`SUBSET`].
//!
//! No XPath crate fitted: the one that is complete brings a whole XQuery engine, the other
//! one had its last release in 2018. Names match by their local part, whatever the
//! namespace or prefix, as people write them against services with default namespaces.

use std::collections::BTreeMap;

use roxmltree::{Document, Node, NodeType};

/// What is understood, in one sentence for a person.
pub(super) const SUBSET: &str = "/a/b, //b, *, ., .., @attr, text(), [2], [last()], [@a], [child], \
     [@a='v'], [child='v'], [text()='v'], string(…) and normalize-space(…)";

/// Nodes that one evaluation may look at.
const BUDGET: usize = 1_000_000;
/// Predicates within predicates.
const DEPTH: usize = 8;

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
}

/// The document is too large for the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// A node of the result.
#[derive(Debug, Clone, Copy)]
enum Item<'a, 'd> {
    Node(Node<'a, 'd>),
    /// Its element, its place among the element's attributes, its value.
    Attribute(u32, usize, &'a str),
}

impl Item<'_, '_> {
    /// Document order; an element comes before its attributes, these before its children.
    fn order(&self) -> (u32, usize) {
        match self {
            Self::Node(node) => (node.id().get(), 0),
            Self::Attribute(element, index, _) => (*element, index + 1),
        }
    }

    /// XPath 1.0, 5 "string-value".
    fn text(&self) -> String {
        match self {
            Self::Attribute(_, _, value) => (*value).to_owned(),
            Self::Node(node) => node
                .descendants()
                .filter(Node::is_text)
                .filter_map(|text| text.text())
                .collect(),
        }
    }
}

impl XPath {
    /// Compiles a path; what is wrong with it in words.
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
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let path = parser.path()?;
        if parser.rest.is_empty() {
            Ok(Self { path, normalize })
        } else {
            Err(format!("{:?} is not understood", parser.rest))
        }
    }

    /// The string value of the first node found, in document order.
    pub(super) fn first(&self, document: &Document<'_>) -> Result<Option<String>, TooMuch> {
        let mut walk = Walk { left: BUDGET };
        let found = walk.path(&self.path, Item::Node(document.root()))?;
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

struct Parser<'s> {
    rest: &'s str,
    depth: usize,
}

impl<'s> Parser<'s> {
    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(token) {
            Some(after) => {
                self.rest = after.trim_start();
                true
            }
            None => false,
        }
    }

    fn path(&mut self) -> Result<Path, String> {
        let mut path = Path::default();
        let mut anywhere = self.eat("//");
        if !anywhere && self.eat("/") && self.rest.is_empty() {
            return Err("it names no element".into());
        }
        loop {
            path.steps.push(self.step(anywhere)?);
            anywhere = self.eat("//");
            if !anywhere && !self.eat("/") {
                return Ok(path);
            }
        }
    }

    fn step(&mut self, anywhere: bool) -> Result<Step, String> {
        let test = self.test()?;
        let mut predicates = Vec::new();
        while self.eat("[") {
            predicates.push(self.predicate()?);
            if !self.eat("]") {
                return Err("a [ is not closed, or holds more than is understood".into());
            }
        }
        Ok(Step {
            anywhere,
            test,
            predicates,
        })
    }

    fn test(&mut self) -> Result<Test, String> {
        if self.eat("..") {
            return Ok(Test::Parent);
        }
        if self.eat(".") {
            return Ok(Test::Itself);
        }
        if self.eat("@") {
            return Ok(Test::Attribute(self.name()?));
        }
        if self.eat("text()") {
            return Ok(Test::Text);
        }
        Ok(Test::Child(self.name()?))
    }

    /// `*`, or a name without its prefix.
    fn name(&mut self) -> Result<Option<String>, String> {
        if self.eat("*") {
            return Ok(None);
        }
        let rest = self.rest.trim_start();
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':');
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let starts_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !starts_well || name.contains("::") || after.starts_with('(') {
            return Err(format!("{rest:?} is not a name"));
        }
        self.rest = after.trim_start();
        let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
        Ok(Some(local.to_owned()))
    }

    fn predicate(&mut self) -> Result<Predicate, String> {
        if self.eat("last()") {
            return Ok(Predicate::Last);
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            let (number, after) = self.rest.split_at(digits);
            self.rest = after.trim_start();
            return match number.parse() {
                Ok(position) if position > 0 => Ok(Predicate::Position(position)),
                Ok(_) | Err(_) => Err("positions count from 1".into()),
            };
        }
        if self.depth == DEPTH || self.rest.starts_with('/') {
            return Err("a predicate is a position or a path from here".into());
        }
        self.depth += 1;
        let path = self.path()?;
        self.depth -= 1;
        if self.eat("=") {
            return Ok(Predicate::Equals(path, self.literal()?));
        }
        Ok(Predicate::Exists(path))
    }

    fn literal(&mut self) -> Result<String, String> {
        let words = "a value stands in quotes";
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let quote = quote.ok_or(words)?;
        let (value, after) = self.rest[1..].split_once(quote).ok_or(words)?;
        self.rest = after.trim_start();
        Ok(value.to_owned())
    }
}

/// One evaluation and what it may still look at.
struct Walk {
    left: usize,
}

impl Walk {
    fn spend(&mut self) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(1).ok_or(TooMuch)?;
        Ok(())
    }

    fn path<'a, 'd>(
        &mut self,
        path: &Path,
        from: Item<'a, 'd>,
    ) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        let mut found = vec![from];
        for step in &path.steps {
            found = self.step(step, found)?;
        }
        Ok(found)
    }

    fn step<'a, 'd>(
        &mut self,
        step: &Step,
        from: Vec<Item<'a, 'd>>,
    ) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        let from = if step.anywhere {
            self.below(from)?
        } else {
            from
        };
        // Sorted, and each once.
        let mut found = BTreeMap::new();
        for item in from {
            let mut here = self.select(&step.test, item)?;
            for predicate in &step.predicates {
                here = self.filter(predicate, here)?;
            }
            found.extend(here.into_iter().map(|item| (item.order(), item)));
        }
        Ok(found.into_values().collect())
    }

    /// `descendant-or-self::node()`.
    fn below<'a, 'd>(&mut self, from: Vec<Item<'a, 'd>>) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        let mut found = BTreeMap::new();
        for item in from {
            let Item::Node(node) = item else {
                continue;
            };
            for descendant in node.descendants() {
                self.spend()?;
                let item = Item::Node(descendant);
                found.insert(item.order(), item);
            }
        }
        Ok(found.into_values().collect())
    }

    fn select<'a, 'd>(
        &mut self,
        test: &Test,
        from: Item<'a, 'd>,
    ) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        let Item::Node(node) = from else {
            let itself = matches!(test, Test::Itself);
            return Ok(itself.then_some(from).into_iter().collect());
        };
        let mut found = Vec::new();
        match test {
            Test::Itself => found.push(from),
            Test::Parent => found.extend(node.parent().map(Item::Node)),
            Test::Attribute(name) => {
                for (index, attribute) in node.attributes().enumerate() {
                    self.spend()?;
                    if name.as_ref().is_none_or(|name| name == attribute.name()) {
                        found.push(Item::Attribute(node.id().get(), index, attribute.value()));
                    }
                }
            }
            Test::Child(_) | Test::Text => {
                for child in node.children() {
                    self.spend()?;
                    if matches(test, child) {
                        found.push(Item::Node(child));
                    }
                }
            }
        }
        Ok(found)
    }

    fn filter<'a, 'd>(
        &mut self,
        predicate: &Predicate,
        mut items: Vec<Item<'a, 'd>>,
    ) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        match predicate {
            Predicate::Position(position) => {
                Ok(items.drain(..).skip(position - 1).take(1).collect())
            }
            Predicate::Last => Ok(items.pop().into_iter().collect()),
            Predicate::Exists(path) => self.keep(items, path, |_| true),
            Predicate::Equals(path, value) => self.keep(items, path, |item| item.text() == *value),
        }
    }

    fn keep<'a, 'd>(
        &mut self,
        items: Vec<Item<'a, 'd>>,
        path: &Path,
        test: impl Fn(&Item<'a, 'd>) -> bool,
    ) -> Result<Vec<Item<'a, 'd>>, TooMuch> {
        let mut kept = Vec::new();
        for item in items {
            if self.path(path, item)?.iter().any(&test) {
                kept.push(item);
            }
        }
        Ok(kept)
    }
}

fn matches(test: &Test, node: Node<'_, '_>) -> bool {
    match test {
        Test::Text => node.node_type() == NodeType::Text,
        Test::Child(None) => node.is_element(),
        Test::Child(Some(name)) => node.is_element() && node.tag_name().name() == name,
        Test::Itself | Test::Parent | Test::Attribute(_) => false,
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
        ] {
            assert_eq!(find(path).as_deref(), Some(expected), "{path}");
        }
        for path in [
            "/reply/nobody",
            "//customer[3]",
            "//@nothing",
            "/customer",
            "//vip/text()",
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
        ] {
            assert!(XPath::parse(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_path_that_looks_everywhere_of_everywhere_ends() {
        let text = format!("{}{}", "<a>".repeat(3_000), "</a>".repeat(3_000));
        let document = Document::parse(&text).unwrap();
        let path = XPath::parse("//a//a//a//b").unwrap();
        assert_eq!(path.first(&document), Err(TooMuch));
    }
}
