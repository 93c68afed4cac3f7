//! The question that a call has put to its agent: one at a time, and dropped when it is taken back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use dialog::conversation::{AgentRequest, Failure, Input};
use dialog::reply::Reply;
use speech::agent::Part;
use speech::{Agent, Saying, SpeechError};
use tokio::sync::mpsc;

type Answer = Pin<Box<dyn Future<Output = Result<Reply, SpeechError>> + Send>>;

/// Nothing is asked, or one thing.
#[derive(Default)]
pub struct Asked(Option<Question>);

struct Question {
    request: u64,
    parts: mpsc::Receiver<Part>,
    answer: Answer,
    /// The whole answer is there, and parts of it may still wait to be told.
    answered: Option<Input>,
}

impl Asked {
    /// Ask; what was asked before is not wanted any more.
    pub fn ask(&mut self, agent: Arc<dyn Agent>, request: AgentRequest) {
        let (saying, parts) = Saying::new();
        let id = request.id;
        let answer = Box::pin(async move { agent.reply(&request, &saying).await });
        self.0 = Some(Question { request: id, parts, answer, answered: None });
    }

    /// Take a question back: whoever works on it is stopped at once.
    pub fn cancel(&mut self, request: u64) {
        self.0.take_if(|question| question.request == request);
    }

    /// The next part of the answer, and at last that it is whole; never while nothing is asked. Cancel safe.
    pub async fn answer(&mut self) -> Input {
        let Some(question) = &mut self.0 else { return std::future::pending().await };
        let input = question.next().await;
        if matches!(input, Input::AgentReply { .. } | Input::AgentFailed { .. }) {
            self.0 = None;
        }
        input
    }
}

impl Question {
    async fn next(&mut self) -> Input {
        let request = self.request;
        loop {
            if self.answered.is_some() {
                // Parts that were said before the end are told before it.
                return match self.parts.try_recv() {
                    Ok(part) => told(request, part),
                    Err(_) => match self.answered.take() {
                        Some(answer) => answer,
                        None => std::future::pending().await,
                    },
                };
            }
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return told(request, part),
                answer = &mut self.answer => self.answered = Some(whole(request, answer)),
            }
        }
    }
}

fn told(request: u64, part: Part) -> Input {
    match part {
        Part::Text(text) => Input::AgentSays { request, text },
        Part::Step(step) => Input::AgentDid { request, step },
    }
}

fn whole(request: u64, answer: Result<Reply, SpeechError>) -> Input {
    match answer {
        Ok(reply) => Input::AgentReply { request, reply },
        Err(error) => {
            tracing::warn!(%error, "the agent failed");
            let why = match error {
                SpeechError::Overloaded(_) => Failure::Overloaded,
                _ => Failure::Failed,
            };
            Input::AgentFailed { request, why }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use async_trait::async_trait;
    use dialog::robot::RobotConfig;
    use serde_json::json;

    use super::*;

    /// What a question's text tells: `waits`, `full`, or words to say before the last one.
    struct Told(Arc<()>);

    #[async_trait]
    impl Agent for Told {
        async fn reply(&self, asked: &AgentRequest, saying: &Saying) -> Result<Reply, SpeechError> {
            let _work = Arc::clone(&self.0);
            match asked.text.as_str() {
                "waits" => std::future::pending().await,
                "full" => Err(SpeechError::Overloaded(1)),
                text => {
                    let (first, last) = text.rsplit_once(' ').unwrap_or(("", text));
                    for word in first.split(' ') {
                        saying.say(word).await;
                    }
                    Ok(last.into())
                }
            }
        }
    }

    fn request(id: u64, text: &str) -> AgentRequest {
        let robot: RobotConfig = serde_json::from_value(json!({
            "name": "Anna",
            "agent": {"kind": "scripted", "intents": [], "fallback": []},
        }))
        .unwrap();
        AgentRequest {
            id,
            text: text.into(),
            history: Vec::new(),
            variables: BTreeMap::new(),
            robot: Arc::new(robot),
        }
    }

    #[tokio::test]
    async fn a_question_that_is_taken_back_is_worked_on_no_more() {
        let work = Arc::new(());
        let agent = || Arc::new(Told(Arc::clone(&work)));
        let mut asked = Asked::default();
        asked.ask(agent(), request(1, "waits"));
        let waits = tokio::time::timeout(std::time::Duration::ZERO, asked.answer()).await;
        assert!(waits.is_err());
        let working = Arc::strong_count(&work);
        asked.cancel(2);
        assert_eq!(Arc::strong_count(&work), working, "that was another question");
        asked.cancel(1);
        assert_eq!(Arc::strong_count(&work), 1, "it is dropped");
        asked.ask(agent(), request(3, "waits"));
        asked.ask(agent(), request(4, "full"));
        let why = Failure::Overloaded;
        assert_eq!(asked.answer().await, Input::AgentFailed { request: 4, why });
        assert_eq!(Arc::strong_count(&work), 1);
    }

    #[tokio::test]
    async fn what_is_said_on_the_way_is_told_before_the_end() {
        let mut asked = Asked::default();
        asked.ask(Arc::new(Told(Arc::default())), request(1, "We open at nine"));
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(asked.answer().await);
        }
        let says = |text: &str| Input::AgentSays { request: 1, text: text.into() };
        let last = Input::AgentReply { request: 1, reply: "nine".into() };
        assert_eq!(told, [says("We"), says("open"), says("at"), last]);
    }
}
