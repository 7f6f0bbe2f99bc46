//! Results in several parts.

use super::*;

fn part(attributes: &str, blocks: usize) -> PollResponse {
    poll_response(&poll(attributes, &block("x").repeat(blocks)))
}

fn fetch(part: u32) -> Next {
    Next::Fetch { result_id: "r".to_owned(), part }
}

#[test]
fn a_result_is_read_part_by_part() {
    let mut parts = Parts::new(10);
    let more = "more=\"true\" result_id=\"r\"";
    assert_eq!(parts.next(&part(&format!("{more} result_part_number=\"1\""), 2)), fetch(2));
    // Neither the number nor the id is repeated.
    assert_eq!(parts.next(&part("more=\"1\"", 2)), fetch(3));
    assert_eq!(parts.next(&part("more=\"false\"", 0)), Next::Complete);
    assert_eq!(Parts::new(10).next(&part("", 1)), Next::Complete);
}

#[test]
fn a_server_that_never_ends_is_stopped() {
    let more =
        |number: u32| format!("more=\"true\" result_id=\"r\" result_part_number=\"{number}\"");
    let mut parts = Parts::new(2);
    assert_eq!(parts.next(&part(&more(1), 1)), fetch(2));
    assert_eq!(parts.next(&part(&more(2), 1)), Next::Stop(Stopped::TooMany { max: 2 }));

    let mut parts = Parts::new(10);
    parts.next(&part(&more(1), 1));
    let repeated = Stopped::OtherPart { expected: 2, got: 1 };
    assert_eq!(parts.next(&part(&more(1), 1)), Next::Stop(repeated));

    let mut parts = Parts::new(10);
    parts.next(&part(&more(1), 1));
    assert_eq!(parts.next(&part(&more(2), 0)), Next::Stop(Stopped::Empty { part: 2 }));

    let mut parts = Parts::of_result("r".to_owned(), 1, 10);
    let other = part("more=\"true\" result_id=\"s\"", 1);
    let (expected, got) = ("r".to_owned(), "s".to_owned());
    assert_eq!(parts.next(&other), Next::Stop(Stopped::OtherResult { part: 1, expected, got }));

    let without_id = part("more=\"true\"", 1);
    assert_eq!(Parts::new(10).next(&without_id), Next::Stop(Stopped::NoResultId { part: 1 }));
}
