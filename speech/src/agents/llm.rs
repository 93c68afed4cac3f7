//! A robot that a language model thinks for.
//!
//! One request of a call is one or more questions to a model: it answers with words, or asks for tools first. Nothing is kept
//! from one request to the next, so that calls can't mix. Dropping the request closes every connection.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dialog::conversation::{AgentRequest, StepKind};
use dialog::llm;
use dialog::reply::Reply;
use outbound::provider::Service;

use super::calls::Calls;
use super::harmless::shortened;
use super::library::{Excerpt, Library};
use super::message::{Function, Message, ToolCall};
use super::openai::{ChatModel, Delta, FunctionsUse, Question};
use super::prompt;
use super::step::did;
use crate::agent::{Agent, Saying};
use crate::failure::SpeechError;
use crate::providers::{Provider, Providers};
use crate::reach::Reach;
use crate::tools::Toolbox;

/// How often one answer may ask for tools; then it has to be words.
pub const ROUNDS_MAX: usize = 4;
/// How long documents are looked through. A customer waits, so that an answer without them is better than none.
pub const LIBRARY_MAX: Duration = Duration::from_secs(2);

/// Thinks by language models, for the calls of one enterprise.
#[derive(Clone)]
pub struct LlmAgent {
    reach: Reach,
    providers: Arc<dyn Providers>,
    toolbox: Arc<dyn Toolbox>,
    library: Arc<dyn Library>,
}

/// What a model said to one question.
struct Said {
    words: String,
    calls: Vec<ToolCall>,
}

/// Why a model's answer is not whole, and whether words of it have been said.
struct Broken {
    error: SpeechError,
    words: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    None,
    Said,
}

impl LlmAgent {
    pub fn new(
        reach: Reach,
        providers: Arc<dyn Providers>,
        toolbox: Arc<dyn Toolbox>,
        library: Arc<dyn Library>,
    ) -> Self {
        Self { reach, providers, toolbox, library }
    }
}

#[async_trait]
impl Agent for LlmAgent {
    /// All words are said while they come, so the reply's own text is empty.
    async fn reply(&self, request: &AgentRequest, saying: &Saying) -> Result<Reply, SpeechError> {
        let Some(agent) = request.robot.agent.llm() else {
            return Err(SpeechError::Failed("the robot has no language model".to_owned()));
        };
        let excerpts = self.look_up(agent, request, saying).await;
        let mut messages = prompt::messages(agent, request, &excerpts);
        let functions: Vec<Function> = agent.tools.iter().map(Function::from).collect();
        let mut calls = Calls {
            toolbox: &*self.toolbox,
            tools: &agent.tools,
            variables: &request.variables,
            saying,
            asked: 0,
        };
        for round in 0..=ROUNDS_MAX {
            let last = round == ROUNDS_MAX;
            let question = Question {
                messages: &messages,
                functions: &functions,
                functions_use: if last { FunctionsUse::None } else { FunctionsUse::Auto },
                temperature: agent.temperature,
                tokens_max: agent.reply_tokens_max,
            };
            let said = self.ask(agent, question, saying).await?;
            if said.calls.is_empty() {
                return Ok(Reply::default());
            }
            if last {
                break;
            }
            let answers = calls.answer(&said.calls).await;
            let ids: Vec<String> = said.calls.iter().map(|call| call.id.clone()).collect();
            let content = (!said.words.is_empty()).then_some(said.words);
            messages.push(Message::Assistant { content, tool_calls: said.calls });
            let answers = ids.into_iter().zip(answers);
            messages.extend(
                answers.map(|(tool_call_id, content)| Message::Tool { tool_call_id, content }),
            );
        }
        Err(SpeechError::Failed("the model only asks for tools".to_owned()))
    }
}

impl LlmAgent {
    /// What the documents tell; nothing where they can't be looked through in time.
    async fn look_up(
        &self,
        agent: &llm::LlmAgent,
        request: &AgentRequest,
        saying: &Saying,
    ) -> Vec<Excerpt> {
        if agent.knowledge.is_empty() || request.text.is_empty() {
            return Vec::new();
        }
        let finding = self.library.find(&agent.knowledge, &request.text);
        let found = match tokio::time::timeout(LIBRARY_MAX, finding).await {
            Ok(found) => found,
            Err(_) => Err(SpeechError::TimedOut),
        };
        let (excerpts, detail) = match found {
            Ok(found) => {
                let excerpts = prompt::used(found);
                let used = excerpts
                    .iter()
                    .map(|Excerpt { source, text }| format!("{source}: {}", shortened(text, 80)));
                let detail = used.collect::<Vec<_>>().join(" | ");
                let nothing = detail.is_empty().then(|| "nothing fits".to_owned());
                (excerpts, nothing.unwrap_or(detail))
            }
            Err(error) => (Vec::new(), format!("failed: {error}")),
        };
        did(saying, StepKind::Knowledge, &detail).await;
        excerpts
    }

    /// Ask one provider after the other, until words of one were said or its answer is whole.
    async fn ask(
        &self,
        agent: &llm::LlmAgent,
        question: Question<'_>,
        saying: &Saying,
    ) -> Result<Said, SpeechError> {
        let mut failed = SpeechError::Failed("the robot names no provider".to_owned());
        for (at, name) in agent.providers.iter().enumerate() {
            let Broken { error, words } = match self.ask_one(name, question, saying).await {
                Ok(said) => return Ok(said),
                Err(broken) => broken,
            };
            did(saying, StepKind::ProviderFailed, &format!("{name}: {error}")).await;
            if words == Words::Said {
                return Err(error);
            }
            // Overloaded is what all of them are, or none.
            if at == 0 || matches!(failed, SpeechError::Overloaded(_)) {
                failed = error;
            }
        }
        Err(failed)
    }

    async fn ask_one(
        &self,
        name: &str,
        question: Question<'_>,
        saying: &Saying,
    ) -> Result<Said, Broken> {
        let unsaid = |error| Broken { error, words: Words::None };
        let found = self.providers.find(name).await.map_err(unsaid)?;
        let Some(Provider { config, places }) = found else {
            return Err(unsaid(SpeechError::Failed(
                "there is no provider of this name".to_owned(),
            )));
        };
        let Service::OpenaiChat(service) = &config.service else {
            return Err(unsaid(SpeechError::Failed("it is no language model".to_owned())));
        };
        let Some(_place) = places.take(config.at_once) else {
            return Err(unsaid(SpeechError::Overloaded(config.at_once)));
        };
        let model = ChatModel::new(service, config.timeout_ms, self.reach.clone());
        let mut stream = model.ask(question).await.map_err(unsaid)?;
        let mut all = String::new();
        loop {
            match stream.next().await {
                Ok(Delta::Words(words)) => {
                    all.push_str(&words);
                    saying.say(words).await;
                }
                Ok(Delta::End(calls)) => return Ok(Said { words: all, calls }),
                Err(error) => {
                    let words = if all.is_empty() { Words::None } else { Words::Said };
                    return Err(Broken { error, words });
                }
            }
        }
    }
}
