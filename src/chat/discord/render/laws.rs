//! Laws of what is drawn, over random runs with words that others would write to do harm.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use super::limits::{self, fit, fit_text, length};
use super::markdown::{block, bold, clean, code, plain, text};
use super::{Shown, brief, log, run, run_of_footer, said};
use crate::chat::card::{
    About, Act, Approval, Asked, Card, Ending, Input, Kept, Mark, Offer, Output, Progress,
    Question, StepLine, Tone, Way,
};
use crate::chat::discord::reference::Reference;
use crate::chat::text::{Piece, Text};
use crate::domain::digest::Digest;
use crate::domain::ending::FinalState;
use crate::domain::names::{RunId, StepId, SystemName, WorkflowName};
use crate::domain::run::RunStatus;
use crate::domain::time::Timestamp;
use crate::service::{UndoneBy, Verdict};

/// What does something in Discord, or cannot be seen, or is as long as can be.
const NASTY: &[&str] = &[
    "@everyone",
    "@here",
    "@",
    "everyone",
    "<@1234>",
    "<@&99>",
    "<@!7>",
    "<#55>",
    "<t:1:R>",
    "<",
    ">",
    "<:x:1>",
    "</deploy:1>",
    "```",
    "``",
    "`",
    "\n```\n",
    "```sh\n",
    "**",
    "*",
    "__",
    "_",
    "~~",
    "||",
    "\n> ",
    "\n>>> ",
    "\n# ",
    "\n-# ",
    "\n- ",
    "\n+ ",
    "\n12. ",
    "[a](https://b.c/d)",
    "[",
    "](",
    ")",
    "\\",
    "\\\\",
    ":wave:",
    ":",
    "https://a.b/c_d_e?f=g",
    "http://",
    "https://x<",
    "https://x@everyone",
    "\u{202E}",
    "\u{2066}",
    "\u{200B}",
    "\u{200D}",
    "\u{FEFF}",
    "\u{AD}",
    "\u{0}",
    "\u{1B}[31m",
    "\r\n",
    "\r",
    "\t",
    "\u{2028}",
    "😀",
    "👩\u{200D}💻",
    "ş",
    "word",
    " ",
    "\n",
    "a.b",
    "1.",
    "run 0190",
];

fn nasty() -> impl Strategy<Value = String> {
    let select = || proptest::sample::select(NASTY);
    let short = prop_oneof![4 => select().prop_map(str::to_owned), 1 => "\\PC{0,12}"];
    let long = (select(), 1_usize..2_500).prop_map(|(text, times)| text.repeat(times));
    prop_oneof![
        40 => vec(short.clone(), 0..8).prop_map(|parts| parts.concat()),
        1 => (long, short).prop_map(|(long, short)| long + &short),
    ]
}

fn at() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), 0..2_000_000_000_000_000_i64].prop_map(Timestamp::from_micros)
}

fn texts() -> impl Strategy<Value = Text> {
    let piece = prop_oneof![
        nasty().prop_map(Piece::Plain),
        nasty().prop_map(Piece::Code),
        at().prop_map(Piece::At),
        at().prop_map(Piece::Due),
        (nasty(), nasty()).prop_map(|(label, url)| Piece::Link { label, url }),
    ];
    vec(piece, 0..5).prop_map(|pieces| pieces.into_iter().fold(Text::default(), Text::with))
}

fn step() -> impl Strategy<Value = StepId> {
    prop_oneof!["[a-z]{1,8}", "[a-z]{1,8}\\[[0-9]\\]", nasty()].prop_map(StepId::from)
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<u8>().prop_map(|byte| Digest::of_bytes(&[byte]))
}

fn mark() -> impl Strategy<Value = Mark> {
    proptest::sample::select(vec![
        Mark::Done,
        Mark::Busy,
        Mark::Asks,
        Mark::Heed,
        Mark::Failed,
        Mark::Undone,
        Mark::Passed,
    ])
}

fn line() -> impl Strategy<Value = StepLine> {
    let took = option::of(any::<u32>().prop_map(|s| Duration::from_secs(s.into())));
    (step(), mark(), texts(), took, option::of(at())).prop_map(|(step, mark, said, took, since)| {
        StepLine {
            step,
            mark,
            said,
            took,
            since,
        }
    })
}

fn approval() -> impl Strategy<Value = Approval> {
    let people = || vec(nasty(), 0..3);
    let is_of = (digest(), option::of(step()), nasty(), at());
    (is_of, people(), people(), people(), option::of(nasty())).prop_map(
        |((plan, step, told, until), missing, said_yes, delegated, to_be_typed)| Approval {
            plan,
            step,
            told,
            missing,
            until,
            said_yes,
            delegated,
            to_be_typed,
        },
    )
}

fn question() -> impl Strategy<Value = Question> {
    let about = prop_oneof![nasty().prop_map(About::Effect), Just(About::GoingOn)];
    let system = option::of(nasty().prop_map(SystemName::from));
    (any::<u32>(), step(), about, nasty(), system).prop_map(
        |(number, step, about, known, system)| Question {
            number,
            step,
            is_only: false,
            about,
            known,
            system,
        },
    )
}

fn kept() -> impl Strategy<Value = Kept> {
    (step(), nasty(), nasty(), any::<u64>(), any::<bool>()).prop_map(
        |(step, name, media_type, bytes, is_there)| Kept {
            step,
            name,
            media_type,
            bytes,
            digest: Digest::of_bytes(b""),
            is_there,
        },
    )
}

fn offer() -> impl Strategy<Value = Offer> {
    let verdict = proptest::sample::select(vec![Verdict::Happened, Verdict::DidNot, Verdict::GoOn]);
    let act = prop_oneof![
        digest().prop_map(|plan| Act::Approve { plan }),
        digest().prop_map(|plan| Act::Confirm { plan }),
        digest().prop_map(|plan| Act::Reject { plan }),
        (0..4_u32, verdict).prop_map(|(question, verdict)| Act::Decide { question, verdict }),
        Just(Act::Cancel),
        Just(Act::Rerun),
        Just(Act::Undo),
        any::<u32>().prop_map(|place| Act::Logs { place }),
    ];
    (act, proptest::option::of(step())).prop_map(|(act, step)| Offer { act, step })
}

fn ending() -> impl Strategy<Value = Ending> {
    let state = proptest::sample::select(FinalState::ALL.to_vec());
    (state, any::<u32>(), nasty(), nasty()).prop_map(|(state, took, whole, short)| Ending {
        state,
        took: Duration::from_secs(took.into()),
        whole,
        short,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let from = (any::<u128>(), vec(step(), 0..3));
    let from = from.prop_map(|(run, done)| (RunId::new(Uuid::from_u128(run)), done));
    (
        nasty(),
        nasty(),
        at(),
        option::of(nasty()),
        option::of(from),
        option::of((any::<u128>(), option::of(nasty()))),
    )
        .prop_map(
            |(by, through, at, broke_glass, goes_on_from, undoes)| Asked {
                by,
                through,
                at,
                broke_glass,
                goes_on_from,
                undoes: undoes.map(|(run, why)| (RunId::new(Uuid::from_u128(run)), why)),
            },
        )
}

fn input() -> impl Strategy<Value = Input> {
    (nasty(), nasty(), any::<bool>()).prop_map(|(name, value, is_in_headline)| Input {
        name,
        value,
        is_in_headline,
    })
}

fn cards() -> impl Strategy<Value = Card> {
    let tone = proptest::sample::select(vec![
        Tone::Busy,
        Tone::Asks,
        Tone::Good,
        Tone::Bad,
        Tone::Quiet,
    ]);
    let way = (0..40_u32, 0..40_u32).prop_map(|(done, more)| Way {
        done,
        all: done + more,
    });
    let output = (step(), nasty()).prop_map(|(step, text)| Output { step, text });
    let progress =
        (nasty(), option::of(0.0..=1.0)).prop_map(|(text, share)| Progress { text, share });
    let head = (
        any::<u128>(),
        nasty(),
        asked(),
        vec(input(), 0..30),
        tone,
        vec(nasty(), 0..3),
    );
    let items = option::of((step(), way.clone()));
    let body = (vec(line(), 0..40), way, option::of(progress), items);
    let asks = (vec(approval(), 0..6), vec(question(), 0..5));
    let end = (
        vec(output, 0..7),
        vec(kept(), 0..20),
        option::of(ending()),
        option::of(any::<u128>()),
    );
    (head, body, asks, end, vec(offer(), 0..60)).prop_map(|(head, body, asks, end, offers)| Card {
        run: RunId::new(Uuid::from_u128(head.0)),
        workflow: WorkflowName::from(head.1.clone()),
        headline: head.1,
        asked: head.2,
        inputs: head.3,
        state: "running",
        tone: head.4,
        voided: head.5,
        steps: body.0,
        way: body.1,
        progress: body.2,
        items: body.3,
        approvals: asks.0,
        questions: asks.1,
        outputs: end.0,
        kept: end.1,
        ending: end.2,
        undone_by: end.3.map(|run| UndoneBy {
            run: RunId::new(Uuid::from_u128(run)),
            status: RunStatus::Running,
        }),
        offers,
    })
}

/// Everything that Discord would refuse a message for.
fn refused(shown: &Shown) -> Vec<String> {
    let mut faults = Vec::new();
    let mut within = |what: &str, is: usize, most: usize| {
        if is > most {
            faults.push(format!("{what}: {is} of {most}"));
        }
    };
    within("content", length(&shown.content), 2_000);
    within("embeds", shown.embeds.len(), 10);
    within("files", shown.files.len(), 10);
    within("rows", shown.rows.len(), 5);
    let mut all = 0;
    for embed in &shown.embeds {
        within("title", length(&embed.title), 256);
        within("description", length(&embed.description), 4_096);
        within("footer", length(&embed.footer), 2_048);
        within("fields", embed.fields.len(), 25);
        all += length(&embed.title) + length(&embed.description) + length(&embed.footer);
        for field in &embed.fields {
            within("name", length(&field.name), 256);
            within("value", length(&field.value), 1_024);
            let is_empty = |text: &str| usize::from(text.trim().is_empty());
            within("empty", is_empty(&field.name) + is_empty(&field.value), 0);
            all += length(&field.name) + length(&field.value);
        }
    }
    within("all embeds", all, 6_000);
    let mut ids = BTreeSet::new();
    for row in &shown.rows {
        within("buttons", row.len(), 5);
        within("empty row", usize::from(row.is_empty()), 0);
        for button in row {
            within("label", length(&button.label), 80);
            within(
                "empty label",
                usize::from(button.label.trim().is_empty()),
                0,
            );
            within("custom_id", length(&button.custom_id), 100);
            within("twice", usize::from(!ids.insert(&button.custom_id)), 0);
        }
    }
    faults
}

/// All of a message that is read as markdown, and its footers.
fn parts(shown: &Shown) -> Vec<&str> {
    let mut parts = vec![shown.content.as_str()];
    for embed in &shown.embeds {
        parts.extend([&embed.title, &embed.description, &embed.footer].map(String::as_str));
        let fields = embed.fields.iter();
        parts.extend(fields.flat_map(|field| [field.name.as_str(), field.value.as_str()]));
    }
    parts
}

/// What calls somebody, or cannot be seen, or ends a block that it stands in.
fn harmful(text: &str) -> Option<String> {
    let fences = text.lines().filter(|line| *line == "```").count();
    let all = text.matches("```").count();
    let is_open = fences % 2 == 1 || all != fences;
    let open = is_open.then(|| format!("{all} fences, {fences} by themselves"));
    calls_or_hides(text).or(open)
}

fn calls_or_hides(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let called = ["@everyone", "@here", "<@"]
        .into_iter()
        .find(|call| lower.contains(call));
    if let Some(call) = called {
        return Some(format!("calls: {call}"));
    }
    let is_unseen = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200C}'..='\u{200F}' | '\u{FEFF}' | '\u{AD}')
    };
    let unseen = text.chars().find(|c| is_unseen(*c));
    unseen.map(|unseen| format!("unseen: {unseen:?}"))
}

/// What a reader sees of words that were drawn; `Err` at the first sign that would act. Read as Discord
/// does: an escape stands for what follows it, and an address is taken as it is.
fn read(drawn: &str) -> Result<String, String> {
    let mut seen = String::new();
    let mut rest = drawn;
    let mut line_so_far = String::new();
    while let Some(c) = rest.chars().next() {
        let scheme = ["https://", "http://"]
            .into_iter()
            .find(|scheme| rest.starts_with(scheme));
        if let Some(scheme) = scheme {
            let is_in =
                |c: char| !c.is_whitespace() && !"<\\@*`|[]()>\"{}^".contains(c) && c.is_ascii();
            let behind = &rest[scheme.len()..];
            let length = scheme.len() + behind.find(|c| !is_in(c)).unwrap_or(behind.len());
            seen.push_str(&rest[..length]);
            line_so_far.push('x');
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            let escaped = rest.chars().next().ok_or("an escape of nothing")?;
            if escaped.is_alphanumeric() || escaped.is_whitespace() {
                return Err(format!("a backslash that shows, before {escaped:?}"));
            }
            seen.push(escaped);
            line_so_far.push('x');
            rest = &rest[escaped.len_utf8()..];
            continue;
        }
        let begins = line_so_far.chars().all(|c| c == ' ');
        let number = line_so_far.trim_start_matches(' ');
        let behind_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        let acts = "*_~|`[]<".contains(c)
            || begins && ">#-+".contains(c)
            || behind_number && c == '.' && rest.starts_with(' ');
        let emoji = rest.split(':').next().filter(|name| {
            let is_name = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
            !name.is_empty() && name.len() < rest.len() && name.chars().all(is_name)
        });
        if acts || c == ':' && emoji.is_some() {
            return Err(format!(
                "{c:?} acts before {:?}",
                rest.chars().take(9).collect::<String>()
            ));
        }
        seen.push(c);
        if c == '\n' {
            line_so_far.clear();
        } else {
            line_so_far.push(c);
        }
    }
    Ok(seen)
}

fn without_blanks(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, ' ' | '\u{200B}'))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn discord_takes_whatever_a_run_is(card in cards()) {
        for shown in [run(&card), brief(&card)] {
            prop_assert_eq!(refused(&shown), Vec::<String>::new());
            prop_assert_eq!(run_of_footer(&shown.embeds[0].footer), Some(card.run));
        }
    }

    #[test]
    fn nothing_that_others_wrote_acts(card in cards()) {
        for shown in [run(&card), brief(&card)] {
            for part in parts(&shown) {
                prop_assert_eq!(harmful(part), None, "{}", part);
            }
            for button in shown.rows.iter().flatten() {
                prop_assert_eq!(calls_or_hides(&button.label), None);
            }
        }
    }

    #[test]
    fn how_it_ended_has_room_whatever_comes_before(card in cards(), ending in ending()) {
        let now = "Everything that it had done was taken back.";
        let ending = Some(Ending { short: now.to_owned(), ..ending });
        let card = Card { ending, approvals: Vec::new(), ..card };
        let description = &run(&card).embeds[0].description;
        prop_assert!(description.ends_with(now), "{}", description);
    }

    #[test]
    fn the_same_run_looks_the_same(card in cards()) {
        prop_assert_eq!(run(&card), run(&card.clone()));
        prop_assert_eq!(brief(&card), brief(&card.clone()));
    }

    #[test]
    fn every_button_says_what_it_does(card in cards()) {
        let shown = run(&card);
        for button in shown.rows.iter().flatten() {
            let read = Reference::read(&button.custom_id);
            prop_assert_eq!(read.as_ref(), Some(&button.reference));
            prop_assert_eq!(button.reference.run, card.run);
        }
    }

    #[test]
    fn a_log_ends_with_its_last_line(step in step(), lines in vec(nasty(), 0..9)) {
        let shown = log(&step, &lines);
        prop_assert_eq!(refused(&shown), Vec::<String>::new());
        prop_assert_eq!(harmful(&shown.content), None);
    }

    #[test]
    fn answers_are_whole_or_a_file(words in nasty()) {
        let told = Text::plain(&words);
        let shown = said(&told);
        prop_assert_eq!(refused(&shown), Vec::<String>::new());
        prop_assert_eq!(harmful(&shown.content), None);
        match shown.files.as_slice() {
            [] => prop_assert_eq!(shown.content, text(&told)),
            [file] => prop_assert_eq!(&file.text, &clean(&words)),
            _ => prop_assert!(false, "one file at most"),
        }
    }
}

proptest! {
    #[test]
    fn words_are_read_as_they_were_written(words in nasty()) {
        let seen = read(&plain(&words)).map_err(TestCaseError::fail)?;
        prop_assert_eq!(without_blanks(&seen), without_blanks(&clean(&words)));
    }

    #[test]
    fn a_code_ends_where_it_ends(words in nasty()) {
        let drawn = code(&words);
        prop_assert!(!drawn.contains('\n'));
        prop_assert!(drawn.is_empty() || drawn.matches('`').count() == 2, "{}", drawn);
        prop_assert_eq!(harmful(&drawn), None);
    }

    #[test]
    fn a_block_ends_where_it_ends(words in nasty()) {
        let drawn = block(&words);
        prop_assert_eq!(harmful(&drawn), None);
        prop_assert!(drawn.is_empty() || drawn.matches("```").count() == 2, "{}", drawn);
    }

    #[test]
    fn what_is_fitted_fits(words in nasty(), most in 0_usize..400) {
        for draw in [plain, block, code, bold] {
            let fitted = fit(&words, most, draw);
            prop_assert!(length(&fitted.drawn) <= most);
            prop_assert_eq!(fitted.is_whole, length(&draw(&clean(&words))) <= most && length(&clean(&words)) <= most);
        }
    }

    #[test]
    fn a_text_of_pieces_fits(words in texts(), most in 0_usize..400) {
        let fitted = fit_text(&words, most);
        prop_assert!(length(&fitted.drawn) <= most);
        prop_assert_eq!(fitted.is_whole, length(&text(&words)) <= most);
    }

    #[test]
    fn a_file_is_a_beginning(words in nasty(), most in 8_usize..200) {
        let begun = limits::beginning(&words, most);
        prop_assert!(begun.len() <= most);
    }
}
