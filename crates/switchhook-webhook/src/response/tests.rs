use super::*;

fn mapping(name: &str, path: &str) -> Mapping {
    Mapping {
        name: name.into(),
        path: path.into(),
        kind: ValueKind::Text,
        default: None,
    }
}

fn answer(kind: ResponseType, map: Vec<Mapping>) -> ResponseParser {
    let mut errors = Vec::new();
    let options = ResponseOptions {
        kind,
        map,
        limit: 1024,
        fault: None,
    };
    let answer = ResponseParser::compile(&options, &mut errors);
    assert_eq!(errors, []);
    answer
}

fn mapped(name: &str, text: &str, typed: bool) -> Mapped {
    Mapped {
        name: name.into(),
        text: text.into(),
        typed,
    }
}

fn reason(result: Result<Vec<Mapped>, Failure>) -> (Reason, String) {
    let failure = result.unwrap_err();
    (failure.reason, failure.detail)
}

#[test]
fn json_values_keep_their_text_and_say_whether_they_were_text() {
    let names = ["s", "n", "b", "o", "many"];
    let map = vec![
        mapping("s", "$.a.s"),
        mapping("n", "$.n"),
        mapping("b", "$['b']"),
        mapping("o", "$.o"),
        mapping("many", "$.list[*].x"),
    ];
    let body = br#"{"a":{"s":"a \"q\" \u00e9"},"n":1.5,"b":true,"o":[1, {"k":null}],
                    "list":[{"x":"first"},{"x":"second"}]}"#;
    let found = answer(ResponseType::Json, map).parse(None, body).unwrap();
    let texts = ["a \"q\" é", "1.5", "true", r#"[1,{"k":null}]"#, "first"];
    let typed = [false, true, true, true, false];
    for (index, value) in found.iter().enumerate() {
        assert_eq!(*value, mapped(names[index], texts[index], typed[index]));
    }
}

#[test]
fn what_is_not_there_is_null_or_not_of_its_kind_takes_its_default_or_fails() {
    let queue = |default: Option<&str>, kind| Mapping {
        default: default.map(str::to_owned),
        kind,
        ..mapping("queue", "$.queue")
    };
    let parse = |mapping: Mapping, body: &str| {
        answer(ResponseType::Json, vec![mapping]).parse(None, body.as_bytes())
    };
    for body in [
        "",
        "{}",
        r#"{"queue":null}"#,
        r#"{"queue":"a b"}"#,
        r#"{"queue":""}"#,
    ] {
        let found = parse(queue(Some("main"), ValueKind::Word), body).unwrap();
        assert_eq!(found, [mapped("queue", "main", false)], "{body}");
        let (reason, detail) = reason(parse(queue(None, ValueKind::Word), body));
        assert_eq!(reason, Reason::InvalidResponseMap, "{body}");
        assert!(detail.contains("queue"), "{detail}");
    }
    let found = parse(queue(None, ValueKind::Digits), r#"{"queue":911}"#).unwrap();
    assert_eq!(found, [mapped("queue", "911", true)]);
    let long = format!(r#"{{"queue":"{}"}}"#, "w".repeat(65));
    assert!(parse(queue(None, ValueKind::Word), &long).is_err());
    assert!(parse(queue(None, ValueKind::Digits), r#"{"queue":"+49*1#"}"#).is_ok());
}

#[test]
fn every_path_that_found_nothing_is_named() {
    let map = vec![mapping("one", "$.one"), mapping("two", "$.two")];
    let (reason, detail) = reason(answer(ResponseType::Json, map).parse(None, b""));
    assert_eq!(reason, Reason::InvalidResponseMap);
    assert!(detail.contains("one") && detail.contains("two"), "{detail}");
}

#[test]
fn an_empty_answer_is_fine_where_nothing_is_wanted() {
    for kind in [ResponseType::Json, ResponseType::Xml, ResponseType::Text] {
        assert_eq!(answer(kind, Vec::new()).parse(None, b""), Ok(Vec::new()));
    }
}

#[test]
fn what_does_not_parse_as_its_type_is_refused_even_where_nothing_is_wanted() {
    let deep = "[".repeat(100_000);
    let deep_xml = "<a>".repeat(20_000);
    let json: [&[u8]; 5] = [b"<x/>", b"{\"a\":", b"\"\xff\"", deep.as_bytes(), b"{} {}"];
    for body in json {
        let result = answer(ResponseType::Json, Vec::new()).parse(None, body);
        assert_eq!(reason(result).0, Reason::InvalidResponse);
    }
    let dtd = b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
    let xml: [&[u8]; 5] = [b"{}", b"<a>", dtd, b"<a>\xff</a>", deep_xml.as_bytes()];
    for body in xml {
        let result = answer(ResponseType::Xml, Vec::new()).parse(None, body);
        assert_eq!(reason(result).0, Reason::InvalidResponse);
    }
}

#[test]
fn an_xml_answer_of_any_depth_is_read_without_harm() {
    let deep = format!("{}x{}", "<a>".repeat(20_000), "</a>".repeat(20_000));
    let found = answer(ResponseType::Xml, vec![mapping("x", "/a/a")]).parse(None, deep.as_bytes());
    assert_eq!(found.unwrap(), [mapped("x", "x", false)]);
}

#[test]
fn text_is_found_by_a_group_or_the_whole_match() {
    let map = vec![mapping("group", r"queue=(\w+)"), mapping("whole", r"\d+")];
    let found = answer(ResponseType::Text, map).parse(None, b"id 42\nqueue=main\n");
    let expected = [mapped("group", "main", false), mapped("whole", "42", false)];
    assert_eq!(found.unwrap(), expected);
}

#[test]
fn latin_1_is_read_where_it_is_declared() {
    let text = answer(ResponseType::Text, vec![mapping("t", ".+")]);
    let latin = Some("text/plain; charset=\"ISO-8859-1\"");
    assert_eq!(
        text.parse(latin, b"Jos\xe9 \x80").unwrap(),
        [mapped("t", "José €", false)]
    );
    assert_eq!(
        text.parse(None, b"Jos\xe9").unwrap(),
        [mapped("t", "Jos\u{fffd}", false)]
    );
    let xml = answer(ResponseType::Xml, vec![mapping("t", "/a")]);
    let body = b"<?xml version=\"1.0\" encoding='iso-8859-1'?><a>Jos\xe9</a>";
    assert_eq!(
        xml.parse(Some("text/xml"), body).unwrap(),
        [mapped("t", "José", false)]
    );
}

#[test]
fn bad_paths_and_deerrors_are_errors_with_their_key() {
    for (kind, path) in [
        (ResponseType::Json, "customer.name"),
        (ResponseType::Xml, "count(//a)"),
        (ResponseType::Text, "(a)(b)"),
        (ResponseType::Text, "("),
    ] {
        let mut errors = Vec::new();
        let options = ResponseOptions {
            kind,
            map: vec![mapping("queue", path)],
            limit: 1,
            fault: None,
        };
        let _ = ResponseParser::compile(&options, &mut errors);
        assert_eq!(errors.len(), 1, "{path}");
        assert_eq!(errors[0].key, "response.map.queue");
        assert!(!errors[0].what.contains('\n') && !errors[0].help.is_empty());
    }
    let mut errors = Vec::new();
    let wrong = Mapping {
        kind: ValueKind::Digits,
        default: Some("main".into()),
        ..mapping("queue", "$.q")
    };
    let options = ResponseOptions {
        map: vec![wrong],
        ..ResponseOptions::default()
    };
    let _ = ResponseParser::compile(&options, &mut errors);
    assert_eq!(errors[0].key, "response.map.queue");
}
