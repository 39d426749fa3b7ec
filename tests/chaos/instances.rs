//! Three instances on one PostgreSQL, each with a connection of its own to the switch, which
//! loses events and is cut in the midst of calls.

use std::collections::BTreeSet;

use tempfile::TempDir;
use tokio::process::Child;

use crate::dice;
use crate::inbox::{Inbox, Post};
use crate::played::{Played, destroyed, each_leg_is_in_one_document, playable};
use crate::port8021::Port8021;
use crate::postgres;
use crate::program;
use crate::settings;
use crate::table::Row;

const INSTANCES: usize = 3;
/// Each cuts one instance's connection in the midst of some calls.
const ROUNDS: usize = 30;
/// Calls of a round, all of which are in progress when it is cut.
const CALLS: usize = 5;
/// Of each hundred events an instance misses about so many.
const LOST_OF_100: u32 = 5;

/// One of them, and what it sees of the switch.
struct Instance {
    switch: Port8021,
    program: Child,
    _folder: TempDir,
}

impl Instance {
    async fn start(url: &str, inbox: &Inbox) -> Self {
        let (switch, folder) = (Port8021::start().await, tempfile::tempdir().unwrap());
        let file = format!("sqlite:{}", folder.path().join("store.db").display());
        let http = format!("http = \"{}\"", program::place());
        let settings = settings::all_to(folder.path(), switch.address, inbox.address)
            .replace(&file, url)
            .replacen("http = \"127.0.0.1:0\"", &http, 1);
        let settings = settings + "[limits]\ndetails_deadline = \"1s\"\n";
        std::fs::write(folder.path().join("switchhook.toml"), settings).unwrap();
        let mut program = program::serve(folder.path(), &[]);
        program::reaches(&mut program, folder.path(), switch.followed(1)).await;
        Self {
            switch,
            program,
            _folder: folder,
        }
    }

    /// Plays these events, but for some that are lost: how many.
    fn sees(&self, events: &[String], random: &mut fastrand::Rng) -> usize {
        let mut lost = 0;
        for event in events {
            if random.u32(0..100) < LOST_OF_100 {
                lost += 1;
            } else {
                assert!(self.switch.send(event), "nobody follows");
            }
        }
        lost
    }

    /// Its connection breaks while these events are still to come; then it follows again.
    async fn is_cut(&self, rest: &[&[String]]) {
        let alive: Vec<String> = rest.iter().flat_map(|rest| destroyed(rest)).collect();
        let alive: Vec<&str> = alive.iter().map(String::as_str).collect();
        self.switch.alive(&alive);
        let times = self.switch.times();
        self.switch.cut();
        self.switch.followed(times + 1).await;
        self.switch.alive(&[]);
    }
}

/// Every call has one document, whatever each of them missed; one that lacks something says so.
pub async fn miss_events() -> Option<Row> {
    let database = postgres::shared()?.database();
    let inbox = Inbox::start().await;
    let mut instances = Vec::new();
    for _ in 0..INSTANCES {
        instances.push(Instance::start(&database.url(), &inbox).await);
    }
    let (rounds, names) = (dice::times(ROUNDS), playable());
    let mut calls: Vec<Played> = Vec::new();
    let mut lost = 0;
    for round in 0..rounds {
        let mut random = dice::of("instances", round);
        let played: Vec<Played> = (0..CALLS)
            .map(|_| Played::new(random.choice(&names).unwrap()))
            .collect();
        let parts: Vec<_> = played
            .iter()
            .map(|call| call.bodies.split_at(random.usize(1..call.bodies.len())))
            .collect();
        let (first, rest): (Vec<&[String]>, Vec<&[String]>) = parts.into_iter().unzip();
        let cut = random.choice(&instances).unwrap();
        let mut missed = |parts: &[&[String]]| -> usize {
            let all = instances
                .iter()
                .flat_map(|one| parts.iter().map(move |part| (one, part)));
            all.map(|(one, part)| one.sees(part, &mut random)).sum()
        };
        lost += missed(&first);
        cut.is_cut(&rest).await;
        lost += missed(&rest);
        calls.extend(played);
    }
    let posts = all_posted(&inbox, &calls).await;
    for instance in &mut instances {
        instance.program.kill().await.unwrap();
    }
    println!("three instances: {lost} events were lost on the way");
    assert!(lost > 0);
    Some(count(&calls, &posts, rounds))
}

async fn all_posted(inbox: &Inbox, calls: &[Played]) -> Vec<Post> {
    let wanted: BTreeSet<&str> = calls.iter().map(Played::id).collect();
    let are_there = |posts: &[Post]| {
        let taken = posts.iter().filter(|post| post.taken).map(Post::json);
        let ids = taken.map(|json| json["phonon-uuid"].as_str().unwrap_or_default().to_owned());
        let ids: BTreeSet<String> = ids.collect();
        wanted.iter().all(|id| ids.contains(*id))
    };
    inbox.wait_for(are_there).await
}

fn count(calls: &[Played], posts: &[Post], cuts: usize) -> Row {
    let judged: Vec<_> = calls.iter().map(|call| call.judge(posts)).collect();
    each_leg_is_in_one_document(posts);
    Row {
        what: "three instances, 5 % of the events lost on the way: the socket cut in mid-call (PostgreSQL)",
        faults: cuts,
        calls: calls.len(),
        documents: calls.len(),
        lost: judged.iter().filter(|one| !one.is_taken).count(),
        repeated: judged.iter().filter(|one| one.times > 1).count(),
        stranded: None,
    }
}
