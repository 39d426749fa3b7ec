//! Parses a path by recursive descent.

use super::{Path, Predicate, Step, Test};

/// Maximum nesting of predicates.
const DEPTH: usize = 8;

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
