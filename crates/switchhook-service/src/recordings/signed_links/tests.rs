use super::*;

fn links() -> SignedLinks {
    let secret = Secret::new("correct horse battery");
    let day = Duration::from_secs(86_400);
    SignedLinks::new(Folder::default(), "https://rec.example/", &secret, day)
}

/// Path and query of a link.
fn parts(link: &str) -> (String, String) {
    let rest = link.strip_prefix("https://rec.example").unwrap();
    let (path, query) = rest.split_once('?').unwrap();
    (path.to_owned(), query.to_owned())
}

#[test]
fn a_link_opens_its_own_file_and_no_other() {
    let links = links();
    let (path, query) = parts(&links.link("2026/a b#?%.wav"));
    assert_eq!(path, "/recordings/2026/a%20b%23%3F%25.wav");
    assert_eq!(links.verify(&path, &query), Ok(()));
    let later = query.replace("expires=", "expires=9");
    let (_, other) = parts(&links.link("2026/b.wav"));
    for (path, query) in [
        ("/recordings/2026/b.wav", query.as_str()),
        (&path, &later),
        (&path, &other),
        (&path, ""),
        (&path, "expires=99999999999&signature="),
        (&path, &query[..query.len() - 1]),
        (&path, &query.to_ascii_uppercase()),
    ] {
        assert_eq!(
            links.verify(path, query),
            Err(LinkError::Forged),
            "{path} {query}"
        );
    }
    assert_eq!(
        links.verify("/2026/b.wav", &query),
        Err(LinkError::NotFound)
    );
    let another = SignedLinks::new(
        Folder::default(),
        "x",
        &Secret::new("another secret, as long"),
        Duration::MAX,
    );
    assert_eq!(another.verify(&path, &query), Err(LinkError::Forged));
}

#[test]
fn a_link_holds_until_it_expires() {
    let key = LinkKey::new(&Secret::new("correct horse battery"));
    let query = key.query("a.wav", 1_000);
    assert_eq!(key.verify("a.wav", &query, 999), Ok(()));
    assert_eq!(key.verify("a.wav", &query, 1_000), Err(LinkError::Expired));
    assert!(!format!("{:?}", links()).contains("horse"));
}
