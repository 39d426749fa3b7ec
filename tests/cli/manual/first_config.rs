//! README's first configuration, and the commands that are printed below it, work together.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use super::Page;

/// The addresses of README's configuration, each of which the test needs for itself.
const ADDRESSES: [&str; 3] = ["127.0.0.1:8084", "127.0.0.1:8085", "127.0.0.1:8086"];

/// A program that is killed when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_addresses() -> [String; 3] {
    let bound = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    bound.map(|listener| listener.local_addr().unwrap().to_string())
}

/// Returns README's configuration, and the arguments of the commands below it.
fn first_config() -> (String, Vec<Vec<String>>) {
    let page = Page::read("README.md");
    let blocks = page.blocks();
    let at = blocks
        .iter()
        .position(|block| block.info == "toml")
        .unwrap();
    let config = blocks[at].lines.join("\n") + "\n";
    let commands = blocks[at + 1].lines.iter().map(|line| {
        let command = line.split('#').next().unwrap().trim();
        let args = command.strip_prefix("cargo run -- ").expect(command);
        args.split(' ').map(str::to_owned).collect()
    });
    (config, commands.collect())
}

fn command(folder: &Path, args: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.args(args).env_clear().current_dir(folder);
    command
}

/// Starts a command that goes on, and waits for a line with these words.
fn start(folder: &Path, args: &[String], words: &str) -> Running {
    let mut command = command(folder, args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let running = Running(child);
    let (sender, lines) = std::sync::mpsc::channel();
    let errors = sender.clone();
    // Read to the end, so that the program never waits for its reader.
    let log = |err: ChildStderr| BufReader::new(err).lines().map_while(Result::ok);
    std::thread::spawn(move || log(err).for_each(|line| drop(errors.send(line))));
    let out = BufReader::new(out).lines().map_while(Result::ok);
    std::thread::spawn(move || out.for_each(|line| drop(sender.send(line))));
    let mut seen = Vec::new();
    while let Ok(line) = lines.recv() {
        seen.push(line.clone());
        if line.contains(words) {
            return running;
        }
    }
    panic!("{args:?} ended without {words:?}: {seen:?}");
}

fn printed(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(all).unwrap()
}

#[test]
fn the_readmes_configuration_and_its_commands_work_together() {
    let (config, commands) = first_config();
    let addresses = free_addresses();
    let moved = |text: &str| {
        let pairs = ADDRESSES.iter().zip(&addresses);
        pairs.fold(text.to_owned(), |text, (theirs, ours)| {
            text.replace(theirs, ours)
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("switchhook.toml"), moved(&config)).unwrap();
    let mut running = Vec::new();
    let mut names = Vec::new();
    for args in commands {
        let args: Vec<String> = args.iter().map(|arg| moved(arg)).collect();
        names.push(args[0].clone());
        match args[0].as_str() {
            "lab" => running.push(start(folder, &args, &addresses[2])),
            "serve" => running.push(start(folder, &args, "listening")),
            _ => {
                let output = command(folder, &args).output().unwrap();
                let text = printed(&output);
                assert_eq!(output.status.code(), Some(0), "{args:?}: {text}");
                if args[0] == "call" {
                    for words in [
                        "/callers/919879072567",
                        "flow.key.customer_name = ",
                        "line 0",
                    ] {
                        assert!(text.contains(words), "{words}: {text}");
                    }
                }
            }
        }
    }
    assert_eq!(names, ["lab", "check", "call", "serve"]);
    assert_eq!(running.len(), 2);
}
