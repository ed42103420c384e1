//! The part of the Keyword Query Language (MS-KQL) in which phones ask for mails: words and "phrases", `from: to: cc: bcc: subject: body: sent:
//! received: hasattachment: isread: isflagged:`, AND, OR, NOT, parentheses. What is none of these is looked for as it stands there.

use jiff::{ToSpan as _, civil::Date, tz::TimeZone};

use crate::source::mail::{Field, Query};

/// Most words of a query; what follows is not looked at.
const WORDS: usize = 60;
/// Most parentheses in one another.
const DEEPEST: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Property ("" = none), comparison, value.
    Term(String, String, String),
    And,
    Or,
    Not,
    Open,
    Close,
}

/// What a text asks for; `today` is the day in UTC. `None`: nothing.
pub(super) fn parse(text: &str, today: Date) -> Option<Query> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens, today };
    let mut all = Vec::new();
    while !parser.tokens.is_empty() {
        all.extend(parser.either(DEEPEST));
        // A parenthesis too much.
        parser.skip(&Token::Close);
    }
    one(all, Query::All)
}

fn one(mut parts: Vec<Query>, several: fn(Vec<Query>) -> Query) -> Option<Query> {
    if parts.len() > 1 { Some(several(parts)) } else { parts.pop() }
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next().filter(|_| tokens.len() < WORDS) {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        (tokens, rest) = match first {
            '(' => (with(tokens, Token::Open), after),
            ')' => (with(tokens, Token::Close), after),
            '-' if after.starts_with(|c: char| !c.is_whitespace()) => (with(tokens, Token::Not), after),
            _ => {
                let (token, rest) = term(rest);
                (with(tokens, token), rest)
            }
        };
        rest = rest.trim_start();
    }
    tokens
}

fn with(mut tokens: Vec<Token>, token: Token) -> Vec<Token> {
    tokens.push(token);
    tokens
}

/// A word, a phrase, a property with either, or an operator.
fn term(text: &str) -> (Token, &str) {
    let name_end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    let comparison = ["<=", ">=", "<>", ":", "=", "<", ">"].into_iter().find(|sign| rest.starts_with(sign));
    if let Some(comparison) =
        comparison.filter(|_| PROPERTIES.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)))
    {
        let (value, rest) = value(rest.get(comparison.len()..).unwrap_or_default());
        return (Token::Term(name.to_ascii_lowercase(), comparison.to_owned(), value), rest);
    }
    if !text.starts_with('"') {
        let (word, rest) = value(text);
        let token = match word.as_str() {
            "AND" => Token::And,
            "OR" => Token::Or,
            "NOT" => Token::Not,
            _ => Token::Term(String::new(), String::new(), word),
        };
        return (token, rest);
    }
    let (phrase, rest) = value(text);
    (Token::Term(String::new(), String::new(), phrase), rest)
}

/// A phrase without its quotes, or a word without the star at its end.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let (phrase, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
        return (phrase.to_owned(), rest);
    }
    let end = text.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word.trim_end_matches('*').to_owned(), rest)
}

#[derive(Debug, Clone, Copy)]
enum Property {
    Text(Field),
    Sent,
    Received,
    Attachment,
    Read,
    Flagged,
    /// Everything is of that kind.
    Kind,
}

const PROPERTIES: [(&str, Property); 15] = [
    ("from", Property::Text(Field::From)),
    ("to", Property::Text(Field::To)),
    ("cc", Property::Text(Field::Cc)),
    ("bcc", Property::Text(Field::Bcc)),
    ("subject", Property::Text(Field::Subject)),
    ("body", Property::Text(Field::Body)),
    ("participants", Property::Text(Field::Anywhere)),
    ("attachment", Property::Text(Field::Anywhere)),
    ("sent", Property::Sent),
    ("received", Property::Received),
    ("date", Property::Received),
    ("hasattachment", Property::Attachment),
    ("isread", Property::Read),
    ("isflagged", Property::Flagged),
    ("kind", Property::Kind),
];

struct Parser<'a> {
    tokens: &'a [Token],
    today: Date,
}

impl Parser<'_> {
    fn skip(&mut self, token: &Token) -> bool {
        match self.tokens.split_first() {
            Some((first, rest)) if first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }

    /// Parts between OR.
    fn either(&mut self, depth: usize) -> Option<Query> {
        let mut parts: Vec<Query> = self.both(depth).into_iter().collect();
        while self.skip(&Token::Or) {
            parts.extend(self.both(depth));
        }
        one(parts, Query::Any)
    }

    /// Parts side by side, or between AND.
    fn both(&mut self, depth: usize) -> Option<Query> {
        let mut parts = Vec::new();
        loop {
            self.skip(&Token::And);
            match self.tokens.first() {
                None | Some(Token::Or | Token::Close) => return one(parts, Query::All),
                Some(_) => parts.extend(self.single(depth)),
            }
        }
    }

    fn single(&mut self, depth: usize) -> Option<Query> {
        let mut not = false;
        while self.skip(&Token::Not) {
            not = !not;
        }
        let (first, rest) = self.tokens.split_first()?;
        let query = match first {
            Token::Term(name, comparison, value) => {
                self.tokens = rest;
                self.term(name, comparison, value)
            }
            Token::Open => {
                self.tokens = rest;
                // Deeper than anyone means it: as if it were not there.
                let inside = depth.checked_sub(1).and_then(|depth| self.either(depth));
                self.skip(&Token::Close);
                inside
            }
            Token::And | Token::Or | Token::Not | Token::Close => None,
        }?;
        Some(if not { Query::Not(Box::new(query)) } else { query })
    }

    fn term(&self, name: &str, comparison: &str, value: &str) -> Option<Query> {
        let property = PROPERTIES.iter().find(|(known, _)| *known == name).map(|(_, property)| *property);
        let yes = !matches!(value.to_ascii_lowercase().as_str(), "false" | "no" | "0");
        let flag = |query: Query| Some(if yes { query } else { Query::Not(Box::new(query)) });
        let query = match property {
            _ if value.is_empty() => None,
            None => Some(Query::Has(Field::Anywhere, value.to_owned())),
            Some(Property::Text(field)) => Some(Query::Has(field, value.to_owned())),
            Some(Property::Sent) => self.days(comparison, value, Query::SentSince, Query::SentBefore),
            Some(Property::Received) => self.days(comparison, value, Query::ReceivedSince, Query::ReceivedBefore),
            Some(Property::Attachment) => flag(Query::Attachments),
            Some(Property::Read) => flag(Query::Read),
            Some(Property::Flagged) => flag(Query::Flagged),
            Some(Property::Kind) => None,
        }?;
        Some(if comparison == "<>" { Query::Not(Box::new(query)) } else { query })
    }

    /// A day or a stretch of days; a value that is none is looked for as text.
    fn days(&self, comparison: &str, value: &str, since: fn(i64) -> Query, before: fn(i64) -> Query) -> Option<Query> {
        let Some((first, last)) = self.stretch(value) else {
            return Some(Query::Has(Field::Anywhere, value.to_owned()));
        };
        let next = last.tomorrow().unwrap_or(last);
        Some(match comparison {
            ">" => since(midnight(next)),
            ">=" => since(midnight(first)),
            "<" => before(midnight(first)),
            "<=" => before(midnight(next)),
            _ => Query::All(vec![since(midnight(first)), before(midnight(next))]),
        })
    }

    /// First and last day.
    fn stretch(&self, value: &str) -> Option<(Date, Date)> {
        let today = self.today;
        let back = |days: i32| today.checked_sub(days.days()).unwrap_or(today);
        let weekday = i32::from(today.weekday().to_monday_zero_offset());
        let named = match value.to_ascii_lowercase().as_str() {
            "today" => Some((today, today)),
            "yesterday" => Some((back(1), back(1))),
            "this week" => Some((back(weekday), today)),
            "last week" => Some((back(weekday + 7), back(weekday + 1))),
            "this month" => Some((today.first_of_month(), today)),
            "this year" => Some((today.first_of_year(), today)),
            _ => None,
        };
        let day = |text: &str| text.trim().get(..10).and_then(|day| day.parse::<Date>().ok());
        named.or_else(|| match value.split_once("..") {
            Some((first, last)) => Some((day(first)?, day(last)?)),
            None => day(value).map(|day| (day, day)),
        })
    }
}

fn midnight(day: Date) -> i64 {
    day.to_zoned(TimeZone::UTC).map_or(0, |zoned| zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = Date::constant(2026, 11, 24);

    fn has(field: Field, text: &str) -> Query {
        Query::Has(field, text.to_owned())
    }

    fn any(text: &str) -> Query {
        has(Field::Anywhere, text)
    }

    #[test]
    fn queries() {
        let not = |query| Query::Not(Box::new(query));
        for (text, expected) in [
            ("Rechnung", any("Rechnung")),
            ("Rechnung 5*", Query::All(vec![any("Rechnung"), any("5")])),
            ("\"zwei Worte\" AND x", Query::All(vec![any("zwei Worte"), any("x")])),
            ("a OR b c", Query::Any(vec![any("a"), Query::All(vec![any("b"), any("c")])])),
            ("NOT a -b", Query::All(vec![not(any("a")), not(any("b"))])),
            ("(a OR b) c", Query::All(vec![Query::Any(vec![any("a"), any("b")]), any("c")])),
            ("from:\"Max Muster\"", has(Field::From, "Max Muster")),
            ("Subject:x AND to:y", Query::All(vec![has(Field::Subject, "x"), has(Field::To, "y")])),
            ("hasattachment:true", Query::Attachments),
            ("isread:false", not(Query::Read)),
            ("re:x 10:30", Query::All(vec![any("re:x"), any("10:30")])),
            ("kind:email a", any("a")),
            ("received:soon", any("soon")),
        ] {
            assert_eq!(parse(text, TODAY), Some(expected), "{text}");
        }
        for nothing in ["", "  ", "()", "AND", "NOT", "from:", "\"\""] {
            assert_eq!(parse(nothing, TODAY), None, "{nothing}");
        }
    }

    #[test]
    fn days() {
        let day = |day: i64| 1_795_478_400 + day * 86400;
        let stretch = |from, to| Query::All(vec![Query::ReceivedSince(day(from)), Query::ReceivedBefore(day(to))]);
        for (text, expected) in [
            ("received:2026-11-24", stretch(0, 1)),
            ("received:today", stretch(0, 1)),
            ("received:yesterday", stretch(-1, 0)),
            ("received:\"last week\"", stretch(-8, -1)),
            ("received:2026-11-20..2026-11-22", stretch(-4, -1)),
            ("received>2026-11-22", Query::ReceivedSince(day(-1))),
            ("received>=2026-11-22", Query::ReceivedSince(day(-2))),
            ("sent<2026-11-22", Query::SentBefore(day(-2))),
            ("sent<=2026-11-22T10:00:00Z", Query::SentBefore(day(-1))),
        ] {
            assert_eq!(parse(text, TODAY), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_query_or_none(text in "[ a-z\"():<>=*ANDORT.0-9é-]{0,300}") {
            parse(&text, TODAY);
            parse(&"(".repeat(500), TODAY);
        }
    }
}
