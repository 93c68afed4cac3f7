//! The phrases that tell who answered, as data.
//!
//! A phrase that only a recording or an assistant says *says* what it is. One that a person may say, too, only
//! *hints*. Both belong to a topic, and a topic counts once, however often it comes: a person who is busy says so
//! in two ways. Where phrases overlap, the longest counts and hides the others: “would you like to leave a
//! message” is a person's, though “leave a message” is a machine's.
//!
//! Texts and phrases are made equal by [`super::words`], so simplified signs and written-out forms are enough.

use super::Answerer::{self, Assistant, Machine, Screening};

/// What a phrase is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// A message may be left.
    Leave,
    /// There will be a tone.
    Tone,
    /// A mailbox answers.
    Mailbox,
    /// A menu or a queue.
    Menu,
    /// The network speaks of the number.
    Network,
    /// Somebody has been reached.
    Reached,
    /// Nobody can come to the phone.
    Away,
    /// Nobody is there at this hour.
    Closed,
    /// The speaker is an assistant that is no person.
    Bot,
    /// It speaks of the owner of the phone.
    Owner,
    /// It answers for somebody.
    Behalf,
    /// It will pass something on.
    Relay,
    /// The call is screened.
    Screened,
    /// The caller is to say a name and a reason.
    Name,
    /// Why somebody calls.
    Purpose,
    /// The call may be put through.
    Connect,
}

impl Topic {
    /// Whom the topic speaks for.
    pub(super) const fn answerer(self) -> Answerer {
        match self {
            Self::Leave | Self::Tone | Self::Mailbox | Self::Menu => Machine,
            Self::Network | Self::Reached | Self::Away | Self::Closed => Machine,
            Self::Bot | Self::Owner | Self::Behalf | Self::Relay => Assistant,
            Self::Screened | Self::Name | Self::Purpose | Self::Connect => Screening,
        }
    }
}

/// What a phrase tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A word of greeting that anybody says.
    Greeting,
    /// A person says this.
    Person,
    /// No person says this.
    Says(Topic),
    /// A person seldom says this.
    Hints(Topic),
}

use Meaning::{Greeting, Hints, Person, Says};
use Topic::{
    Away, Behalf, Bot, Closed, Connect, Leave, Mailbox, Menu, Name, Network, Owner, Purpose,
    Reached, Relay, Screened, Tone,
};

/// All phrases, by what they tell, with `/` between them.
pub(super) const PHRASES: &[(Meaning, &str)] = &[
    (Greeting, "hello/hi/hi there/hello there/hey/good morning/good afternoon/good evening"),
    (Greeting, "yes/yeah/yep/okay/uh/um/oh/ah/hm/hmm/right/sure/please/no/sorry"),
    (
        Greeting,
        "喂/你好/嗯/啊/哦/诶/哎/哈喽/早/早上好/上午好/下午好/晚上好/是/是的/对/好/好的/请问",
    ),
    // Questions and answers of people.
    (Person, "speaking/this is he/this is she/this is him/this is her/that is me/it is me"),
    (
        Person,
        "who is this/who is that/who is calling/tell me who is calling/who is it/who is there/who are you",
    ),
    (Person, "who am i speaking/who am i talking/may i ask who/can i ask who/who do you want"),
    (Person, "how can i help/how may i help/how can we help/how may we help/what can i do for you"),
    (
        Person,
        "may i have your name/can i have your name/could i have your name/can i get your name",
    ),
    (Person, "what do you want/what is this about/what is it about/what are you calling about"),
    (Person, "can you hear me/do you hear me/can not hear you/hear you/anyone there/anybody there"),
    (
        Person,
        "are you a virtual/are you an ai/are you a digital/are you an automated/is this a virtual",
    ),
    (
        Person,
        "is this an ai/is this a voice mail/is this an automated/he can not come to the phone",
    ),
    (
        Person,
        "she can not come to the phone/are you there/are you a robot/is this a robot/are you a real person/are you real",
    ),
    (Person, "hold on/hang on/one moment/one second/just a moment/just a second/give me a second"),
    (
        Person,
        "can not talk/i am driving/i am at work/not interested/not home/not at home/stop calling",
    ),
    (Person, "call me back/call me later/call me again/can you call back/could you call back"),
    (Person, "wrong number/you have reached the wrong/reached the wrong/have the wrong"),
    // They offer what a machine tells to do.
    (
        Person,
        "take a message/like to leave a message/want to leave a message/leave a message with me",
    ),
    (
        Person,
        "can leave a message/could leave a message/should leave a message/leave a message for him",
    ),
    (Person, "leave a message for her/leave me a message next time"),
    (Person, "like to leave your name/want to leave your name/should have left a message"),
    (Person, "he is not available/she is not available/they are not available/he is unavailable"),
    (Person, "she is unavailable/see if he is available/see if she is available"),
    (Person, "missed your call earlier/missed your call yesterday/missed your call before"),
    (
        Person,
        "哪位/你是谁/是谁/你找谁/找谁/你哪里/哪里找/边位/打错/打错了/什么事/有事吗/干嘛/干什么",
    ),
    (Person, "你说/你讲/请讲/说吧/听得到/听得见/听不见/听不到/听不清/能听到/等一下/等一等/稍等"),
    (
        Person,
        "在开车/我在开会/在忙/没空/没时间/晚点再打/再打来/再打过来/等会儿/等会/待会/不需要/不用了",
    ),
    (
        Person,
        "你是不是/是不是智能/是不是语音/是不是ai/你是机器人/是不是机器人/我不是机主/不是机主/我是机主/机主本人/给我留言/留言给我",
    ),
    (Person, "要留言吗/要不要留言/需要留言吗/有什么可以帮你/有什么能帮你/帮你转告/帮你转达/回电话"),
    // Answering machines and recordings.
    (Says(Leave), "leave a message/leave me a message/leave us a message/leave your message"),
    (Says(Leave), "leave a detailed message/leave a brief message/leave a short message"),
    (Says(Leave), "leave a voice mail/leave me a voice mail/please leave your name"),
    (
        Says(Leave),
        "please leave your number/please leave your details/please leave your contact/state your name and number",
    ),
    (Says(Leave), "say your name and number/your name and number/your name number"),
    (Says(Leave), "record your message/record a message/recording your message"),
    (Says(Leave), "请留言/请你留言/开始留言/快速留言/如不留言/如需留言"),
    (Hints(Leave), "to leave a message/leave your name/leave your number/leave your details"),
    (Hints(Leave), "留下你的/留下姓名"),
    (Says(Leave), "留下口讯/留低口讯/留低你的"),
    (
        Says(Tone),
        "after the tone/after the beep/at the tone/at the beep/hear the tone/hear the beep",
    ),
    (Says(Tone), "sound of the tone/sound of the beep/wait for the tone/wait for the beep"),
    (
        Says(Tone),
        "嘀声后/滴声后/哔声后/嘟声后/嘀声之后/滴声之后/哔声之后/嘟声之后/嘀一声/滴一声/哔一声",
    ),
    (Says(Tone), "嘟一声/提示音后/提示音之后/信号音后/听到提示音/响声后"),
    (Says(Mailbox), "mail box is full/voice mail box/the voice mail of/the voice mail for"),
    (
        Says(Mailbox),
        "you have reached the voice mail/reached the voice mail/reached voice mail/voice message system/voice mail system",
    ),
    (Says(Mailbox), "voice messaging system/forwarded to voice mail/transferred to voice mail"),
    (Says(Mailbox), "automatic voice message/automated voice message/automated voice messaging"),
    (Says(Mailbox), "语音信箱/留言信箱/语音邮箱/信箱已满"),
    (
        Says(Menu),
        "press one/press two/press three/press zero/press star/press pound/press the pound",
    ),
    (Says(Menu), "press 1/press 2/press 3/press 0/for english/your call is important"),
    (Says(Menu), "may be recorded/may be monitored/will be recorded/next available agent"),
    (Says(Menu), "next available representative/main menu/menu options/listen carefully"),
    (Says(Menu), "请按/井字键/井号键/座席全忙/坐席全忙/座席忙/坐席忙/耐心等待/通话将被录音"),
    (Says(Network), "number you have dialed/number you dialed/number you are calling is"),
    (
        Says(Network),
        "not in service/no longer in service/has been disconnected/can not be completed",
    ),
    (
        Says(Network),
        "can not be connected/please redial/check the number and dial/subscriber you have dialed",
    ),
    (Says(Network), "已关机/已停机/是空号/不在服务区/稍后再拨/查证后再拨/核对后再拨/请勿挂机"),
    (
        Hints(Network),
        "person you are trying to reach/party you are trying to reach/person you have called",
    ),
    (Hints(Network), "customer you are calling/subscriber you are calling/person you are calling"),
    (Hints(Network), "你拨打的/你所拨打的/你拨的/你呼叫的/你所呼叫的/你拨叫的"),
    (Hints(Reached), "you have reached/thank you for calling/thanks for calling/welcome to"),
    (Hints(Reached), "欢迎致电/感谢致电/感谢你的来电/欢迎拨打/欢迎使用"),
    (Hints(Away), "can not take your call/unable to take your call/not able to take your call"),
    (Hints(Away), "can not come to the phone/unable to come to the phone/can not get to the phone"),
    (
        Says(Away),
        "i can not come to the phone/we can not come to the phone/i can not get to the phone",
    ),
    (
        Says(Away),
        "we can not take your call/we are unable to take your call/i am unable to take your call",
    ),
    (Says(Away), "we are not able to take your call/i am not able to take your call"),
    (Says(Away), "we can not get to the phone/i am unable to come to the phone"),
    (
        Hints(Away),
        "can not answer/unable to answer/not available/unavailable/i am not here/not here right now",
    ),
    (Hints(Away), "not in the office/out of the office/away from my desk/away from the phone"),
    (
        Hints(Away),
        "on another line/on the other line/missed your call/get back to you/return your call",
    ),
    (Hints(Away), "call you back as soon as/you know what to do"),
    (
        Hints(Away),
        "无法接通/无法接听/不能接听/未能接听/不便接听/不方便接听/不方便接电话/没法接电话/正在通话中/正忙",
    ),
    (Hints(Closed), "is currently closed/are currently closed/business hours are/office hours are"),
    (
        Hints(Closed),
        "hours of operation/our hours are/非工作时间/工作时间是/工作时间为/服务时间/已下班",
    ),
    // Assistants.
    (
        Says(Bot),
        "virtual assistant/ai assistant/a i assistant/digital assistant/automated assistant",
    ),
    (Says(Bot), "voice assistant/phone assistant/call assistant/smart assistant/assistant bot"),
    (Says(Bot), "ai receptionist/virtual receptionist/ai agent/answering service/answering bot"),
    (Says(Bot), "智能助理/智能助手/智慧助理/智慧助手/语音助手/语音助理/来电助手/来电助理/电话助手"),
    (
        Says(Bot),
        "电话助理/通话助手/手机助手/数字助理/虚拟助理/虚拟助手/ai助理/ai助手/ai秘书/智能秘书",
    ),
    (Says(Bot), "秘书服务/小秘书/电话秘书/来电秘书/代接电话/代接来电/智能代接"),
    (Says(Owner), "机主现在/机主目前/机主暂时/机主正/机主不方便/机主无法/转告机主/转达机主"),
    (Hints(Owner), "机主/主人/owner of this phone/owner of this number"),
    (
        Hints(Behalf),
        "answering on behalf of/answering this call for/answering calls for/taking calls for",
    ),
    (
        Hints(Relay),
        "pass on a message/pass along a message/pass on your message/like me to tell them",
    ),
    (Hints(Relay), "let them know you called/tell me what your call is about/需要转达/为你转达"),
    // Screenings.
    (
        Says(Screened),
        "screening service/call screening/being screened/call is screened/screens calls",
    ),
    (
        Says(Screened),
        "not accept calls from unknown/来电筛选/呼叫筛选/通话筛选/来电过滤/来电防护/来电拦截/骚扰拦截",
    ),
    (Says(Name), "state your name/say your name and/record your name/say who you are and why"),
    (Says(Screened), "see if this person is/看看对方是否/看看这个人是否"),
    (Says(Name), "录下你的姓名/录下姓名/说出你的姓名"),
    (Says(Name), "报上你的姓名/说明你的身份/来电原因/来电目的"),
    (
        Hints(Name),
        "your name and what this is/your name and why/your name and reason for/tell me your name",
    ),
    (Hints(Name), "your name and the reason for/your name and your reason"),
    (
        Hints(Purpose),
        "reason for calling/reason for your call/why you are calling/purpose of your call",
    ),
    (Hints(Purpose), "what this is regarding/陌生来电"),
    (Hints(Connect), "try to connect you/before i connect you/to be connected/connect your call"),
];
