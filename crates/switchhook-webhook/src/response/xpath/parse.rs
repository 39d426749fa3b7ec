//! Parses a path by recursive descent.

use super::{Path, Predicate, Step, Test};

/// Maximum nesting of predicates.
const DEPTH: usize = 8;

type Function = (&'static str, fn(String) -> Predicate);

/// The functions of predicates.
const FUNCTIONS: [Function; 3] = [
    ("local-name()", Predicate::Name),
    ("name()", |name| {
        // As everywhere, names have no prefix.
        let local = name.rsplit_once(':').map(|(_, local)| local.to_owned());
        Predicate::Name(local.unwrap_or(name))
    }),
    ("namespace-uri()", Predicate::Namespace),
];

/// A parser over the unread rest of a path.
pub(super) struct Parser<'s> {
    rest: &'s str,
    depth: usize,
}

impl Parser<'_> {
    /// Parses all of `text` as a path.
    pub(super) fn whole(text: &str) -> Result<Path, String> {
        let mut parser = Parser {
            rest: text,
            depth: 0,
        };
        let path = parser.path()?;
        if parser.rest.is_empty() {
            Ok(path)
        } else {
            Err(format!("{:?} is not understood", parser.rest))
        }
    }

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

    /// Eats a word, not the beginning of a longer one.
    fn eat_word(&mut self, word: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(word);
        let is_whole = after.is_some_and(|after| {
            !after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':'))
        });
        is_whole && self.eat(word)
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
            predicates.extend(self.predicates()?);
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

    /// Parses `*`, or a name and drops its prefix.
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

    /// Parses conditions that `and` joins: an element has to meet each, as if each had brackets of
    /// its own. That does not hold for positions.
    fn predicates(&mut self) -> Result<Vec<Predicate>, String> {
        let mut all = vec![self.predicate()?];
        while self.eat_word("and") {
            all.push(self.predicate()?);
        }
        let is_position = |one: &Predicate| matches!(one, Predicate::Position(_) | Predicate::Last);
        if all.len() > 1 && all.iter().any(is_position) {
            return Err("a position stands in brackets of its own".into());
        }
        Ok(all)
    }

    /// Parses a function without arguments that is compared with a text.
    fn named(&mut self) -> Result<Option<Predicate>, String> {
        for (function, predicate) in FUNCTIONS {
            if !self.eat(function) {
                continue;
            }
            if !self.eat("=") {
                return Err(format!("{function} stands before = and a value in quotes"));
            }
            return Ok(Some(predicate(self.literal()?)));
        }
        Ok(None)
    }

    fn predicate(&mut self) -> Result<Predicate, String> {
        if let Some(named) = self.named()? {
            return Ok(named);
        }
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
