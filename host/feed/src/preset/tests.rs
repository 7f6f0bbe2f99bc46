use super::*;

fn table(text: &str) -> Table {
    text.parse().unwrap()
}

#[test]
fn the_presets_of_the_program_are_valid() {
    let presets = Presets::parse(BUILT_IN).unwrap();
    assert!(presets.all().len() > 90);
    for feed in presets.all() {
        for form in &feed.forms {
            assert!(!form.about.is_empty(), "{}", form.name);
            let columns = form.indicators.iter().map(|one| &one.column);
            if let Header::Names(names) = &form.header {
                columns.for_each(|column| assert!(names.contains(column), "{}", form.name));
            }
        }
    }
}

#[test]
fn own_presets_are_written_the_same_way() {
    let own = [
        table("name = \"mine\"\nlike = \"ipsum\"\nwhere = [{ column = \"lists\", min = 3 }]"),
        table("name = \"tranco-top\"\nformat = \"lines\""),
        table("name = \"again\"\nlike = \"mine\"\nlimit = 5"),
    ];
    let presets = Presets::default().with(&own).unwrap();
    let mine = presets.get("mine").unwrap().first();
    assert_eq!((mine.delimiter.as_deref(), mine.r#where.len()), (Some("\t"), 1));
    assert!(mine.banner.is_empty(), "the signs of another preset are not taken over");
    assert_eq!(presets.get("tranco-top").unwrap().first().format, Format::Lines);
    assert_eq!(presets.get("again").unwrap().first().limit, Some(5));
    assert_eq!(presets.all().len(), Presets::default().all().len() + 2);
}

#[test]
fn wrong_presets_are_named() {
    for (text, want) in [
        ("format = \"lines\"", "expected a `name`"),
        ("name = \"x\"\nformat = \"xls\"", "the preset x: "),
        ("name = \"x\"\ncolour = 1", "unknown field `colour`"),
        ("name = \"x\"\nformat = \"csv\"", "expected `indicators`"),
        ("name = \"x\"\nlike = \"none\"", "expected another preset in `like`, got \"none\""),
        ("name = \"x\"\nlike = \"x\"", "expected another preset in `like`"),
        ("name = \"x\"\nconfidence = 101", "expected a confidence of 0 to 100, got 101"),
        ("name = \"x\"\ndelimiter = \"\"", "expected a delimiter"),
        ("name = \"x\"\nquote = \"<<\"", "expected one character"),
    ] {
        let error = Presets::default().with(&[table(text)]).unwrap_err();
        assert!(error.contains(want), "{text}: {error}");
    }
}

#[test]
fn conditions_of_a_user_are_checked_and_added() {
    let presets = Presets::default();
    let feed = presets.get("urlhaus-recent").unwrap();
    let condition = |text: &str| Toml::Table(table(text));
    let narrowed = feed.narrowed(&[condition("column = \"url_status\"\nin = [\"online\"]")]);
    assert!(narrowed.unwrap().forms.iter().all(|form| form.r#where.len() == 1));
    let feed = presets.get("ipsum").unwrap();
    let unknown = feed.narrowed(&[condition("column = \"list\"\nmin = 3")]).unwrap_err();
    assert_eq!(unknown, "expected a column of ipsum (ip, lists), got \"list\"");
    let unknown = feed.narrowed(&[condition("column = \"lists\"\nmore = 3")]).unwrap_err();
    assert!(unknown.contains("unknown field `more`"), "{unknown}");
    assert!(presets.get("dnsmasq").unwrap().narrowed(&[condition("column = \"x\"")]).is_err());
}

#[test]
fn presets_are_suggested_for_tables_without_a_header() {
    let suggested = |text: &str| Presets::default().suggest(text.as_bytes());
    assert_eq!(suggested("45.66.77.1\t9\n45.66.77.2\t3\n"), ["ipsum"]);
    assert_eq!(suggested("# x\n1,good-site.org\n2,cdn.good-site.net\ncut"), ["tranco-top"]);
    assert_eq!(
        suggested("Family,URL,IP,FirstSeen\nx,http://bad-one.top/,1.2.3.4,x\n"),
        ["viriback"]
    );
    assert!(suggested("bad-one.top\nbad-two.top\n").is_empty());
    assert!(suggested("a,b,c\nd,e\n").is_empty() && suggested("").is_empty());
}
