//! Requests that are not what they seem, before anybody knows who asks.

use harness::{Answer, World};

/// The first line that these bytes are answered with.
async fn answer(world: &World, bytes: &str) -> String {
    world.raw(bytes).await.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_for_no_host_or_for_two_is_refused_before_its_key_is_looked_at() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let line = "GET /v1/tasks HTTP/1.1\r\nConnection: close\r\n";
    for (headers, status) in
        [("Host: here\r\n", "401"), ("", "400"), ("Host: here\r\nHost: there\r\n", "400")]
    {
        let answered = answer(&world, &format!("{line}{headers}\r\n")).await;
        assert!(answered.starts_with(&format!("HTTP/1.1 {status}")), "{headers:?}: {answered}");
    }
    let long = format!("{line}Host: here\r\nCookie: {}\r\n\r\n", "a".repeat(65_536));
    let answered = answer(&world, &long).await;
    assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 431"), "{answered}");
    world.end().await;
}

#[tokio::test]
async fn a_line_that_ends_by_a_bare_lf_is_refused_before_its_key_is_looked_at_also_in_a_later_request()
 {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let key = format!("Authorization: Bearer {}\r\n", world.key);
    let line = "GET /v1/settings HTTP/1.1\r\nHost: here\r\n";
    for bare in ["X: y\n", "X: y\nHost: there\r\n", "\n"] {
        let request = format!("{line}{bare}Connection: close\r\n\r\n");
        let answered = answer(&world, &request).await;
        assert!(answered.starts_with("HTTP/1.1 400"), "{bare:?}: {answered}");
        // The first request is answered, and what hides behind it is not.
        let first = format!("{line}{key}\r\n");
        let both = world.raw(&format!("{first}{request}")).await;
        let statuses: Vec<&str> = both.split("HTTP/1.1 ").skip(1).map(|rest| &rest[..3]).collect();
        assert_eq!(statuses, ["200", "400"], "{bare:?}: {both}");
    }
    world.end().await;
}

#[tokio::test]
async fn nothing_under_v1_is_kept_on_the_way_or_taken_for_a_page() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let stranger = world.by("cw_nobody_knows_me");
    for (api, path, status) in [
        (&world.api, "settings", 200),
        (&world.api, "tasks/none", 404),
        (&world.api, "nothing/here", 404),
        (&stranger, "settings", 401),
    ] {
        let answer = Answer::to(api.request(reqwest::Method::GET, path)).await;
        let told = (
            answer.status,
            answer.header("cache-control"),
            answer.header("x-content-type-options"),
        );
        assert_eq!(told, (status, "no-store", "nosniff"), "{path}");
    }
    world.end().await;
}
