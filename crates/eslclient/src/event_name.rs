//! The names of events.

use crate::names::named_enum;

named_enum! {
    /// The name of an event, from the header `Event-Name`.
    ///
    /// Source: `EVENT_NAMES` in `switch_event.c`.
    ///
    /// ```
    /// use eslclient::EventName;
    ///
    /// let name = EventName::from("CHANNEL_ANSWER");
    /// assert_eq!(name, EventName::ChannelAnswer);
    /// assert_eq!(name.as_str(), "CHANNEL_ANSWER");
    /// ```
    pub enum EventName {
        /// An event of a module. Its subclass says which.
        Custom = "CUSTOM",
        /// A copy of an event, inside the switch.
        Clone = "CLONE",
        /// A channel was created.
        ChannelCreate = "CHANNEL_CREATE",
        /// A channel was destroyed. It is the channel's last event.
        ChannelDestroy = "CHANNEL_DESTROY",
        /// The state of a channel's state machine changed.
        ChannelState = "CHANNEL_STATE",
        /// The state of a call changed.
        ChannelCallstate = "CHANNEL_CALLSTATE",
        /// A channel was answered.
        ChannelAnswer = "CHANNEL_ANSWER",
        /// A channel was hung up. Times and durations are not known yet.
        ChannelHangup = "CHANNEL_HANGUP",
        /// A channel was hung up, and its times and durations are known.
        ChannelHangupComplete = "CHANNEL_HANGUP_COMPLETE",
        /// An application began on a channel.
        ChannelExecute = "CHANNEL_EXECUTE",
        /// An application ended on a channel.
        ChannelExecuteComplete = "CHANNEL_EXECUTE_COMPLETE",
        /// A channel was put on hold.
        ChannelHold = "CHANNEL_HOLD",
        /// A channel was taken off hold.
        ChannelUnhold = "CHANNEL_UNHOLD",
        /// Two channels were connected.
        ChannelBridge = "CHANNEL_BRIDGE",
        /// Two channels were disconnected.
        ChannelUnbridge = "CHANNEL_UNBRIDGE",
        /// The far end rings.
        ChannelProgress = "CHANNEL_PROGRESS",
        /// The far end sends early media.
        ChannelProgressMedia = "CHANNEL_PROGRESS_MEDIA",
        /// A channel to the far end was created.
        ChannelOutgoing = "CHANNEL_OUTGOING",
        /// A channel was parked.
        ChannelPark = "CHANNEL_PARK",
        /// A channel left its park.
        ChannelUnpark = "CHANNEL_UNPARK",
        /// An application reports on a channel.
        ChannelApplication = "CHANNEL_APPLICATION",
        /// A channel was originated.
        ChannelOriginate = "CHANNEL_ORIGINATE",
        /// The UUID of a channel changed.
        ChannelUuid = "CHANNEL_UUID",
        /// An API command ran.
        Api = "API",
        /// A line of the switch's log.
        Log = "LOG",
        /// An inbound channel.
        InboundChan = "INBOUND_CHAN",
        /// An outbound channel.
        OutboundChan = "OUTBOUND_CHAN",
        /// The switch started.
        Startup = "STARTUP",
        /// The switch stops.
        Shutdown = "SHUTDOWN",
        /// A service was published.
        Publish = "PUBLISH",
        /// A service was withdrawn.
        Unpublish = "UNPUBLISH",
        /// Somebody speaks.
        Talk = "TALK",
        /// Somebody stopped speaking.
        Notalk = "NOTALK",
        /// A session crashed.
        SessionCrash = "SESSION_CRASH",
        /// A module was loaded.
        ModuleLoad = "MODULE_LOAD",
        /// A module was unloaded.
        ModuleUnload = "MODULE_UNLOAD",
        /// A digit was pressed.
        Dtmf = "DTMF",
        /// A text message.
        Message = "MESSAGE",
        /// A presence state arrived.
        PresenceIn = "PRESENCE_IN",
        /// A notification arrived.
        NotifyIn = "NOTIFY_IN",
        /// A presence state was sent.
        PresenceOut = "PRESENCE_OUT",
        /// A presence state was asked for.
        PresenceProbe = "PRESENCE_PROBE",
        /// The number of waiting messages changed.
        MessageWaiting = "MESSAGE_WAITING",
        /// The number of waiting messages was asked for.
        MessageQuery = "MESSAGE_QUERY",
        /// A roster was asked for.
        Roster = "ROSTER",
        /// The codec of a channel changed.
        Codec = "CODEC",
        /// A background job ended. The body is its output.
        BackgroundJob = "BACKGROUND_JOB",
        /// Speech was recognized.
        DetectedSpeech = "DETECTED_SPEECH",
        /// A tone was detected.
        DetectedTone = "DETECTED_TONE",
        /// A command to a channel, inside the switch.
        PrivateCommand = "PRIVATE_COMMAND",
        /// The switch lives, every 20 s.
        Heartbeat = "HEARTBEAT",
        /// An error that a monitor should know.
        Trap = "TRAP",
        /// A task was scheduled.
        AddSchedule = "ADD_SCHEDULE",
        /// A scheduled task was cancelled.
        DelSchedule = "DEL_SCHEDULE",
        /// A scheduled task runs.
        ExeSchedule = "EXE_SCHEDULE",
        /// A task was scheduled again.
        ReSchedule = "RE_SCHEDULE",
        /// The configuration was read again.
        Reloadxml = "RELOADXML",
        /// A notification is to be sent.
        Notify = "NOTIFY",
        /// A feature of a phone changed.
        PhoneFeature = "PHONE_FEATURE",
        /// A phone subscribed to its features.
        PhoneFeatureSubscribe = "PHONE_FEATURE_SUBSCRIBE",
        /// A text message is to be sent.
        SendMessage = "SEND_MESSAGE",
        /// A text message arrived.
        RecvMessage = "RECV_MESSAGE",
        /// Parameters are asked for.
        RequestParams = "REQUEST_PARAMS",
        /// The data of a channel.
        ChannelData = "CHANNEL_DATA",
        /// An event of any kind.
        General = "GENERAL",
        /// A command to the switch.
        Command = "COMMAND",
        /// A session lives, as often as it asked for.
        SessionHeartbeat = "SESSION_HEARTBEAT",
        /// A client of Event Socket is gone.
        ClientDisconnected = "CLIENT_DISCONNECTED",
        /// A server is gone.
        ServerDisconnected = "SERVER_DISCONNECTED",
        /// A SIP INFO is to be sent.
        SendInfo = "SEND_INFO",
        /// A SIP INFO arrived.
        RecvInfo = "RECV_INFO",
        /// An RTCP report arrived.
        RecvRtcpMessage = "RECV_RTCP_MESSAGE",
        /// An RTCP report was sent.
        SendRtcpMessage = "SEND_RTCP_MESSAGE",
        /// The media of a call is encrypted.
        CallSecure = "CALL_SECURE",
        /// An address translation changed.
        Nat = "NAT",
        /// A recording began.
        RecordStart = "RECORD_START",
        /// A recording ended.
        RecordStop = "RECORD_STOP",
        /// A playback began.
        PlaybackStart = "PLAYBACK_START",
        /// A playback ended.
        PlaybackStop = "PLAYBACK_STOP",
        /// The other party of a call changed.
        CallUpdate = "CALL_UPDATE",
        /// Something failed.
        Failure = "FAILURE",
        /// Data arrived on a socket.
        SocketData = "SOCKET_DATA",
        /// A media bug began.
        MediaBugStart = "MEDIA_BUG_START",
        /// A media bug ended.
        MediaBugStop = "MEDIA_BUG_STOP",
        /// The data of a conference was asked for.
        ConferenceDataQuery = "CONFERENCE_DATA_QUERY",
        /// The data of a conference.
        ConferenceData = "CONFERENCE_DATA",
        /// The setup of a call was asked for.
        CallSetupReq = "CALL_SETUP_REQ",
        /// The result of a call's setup.
        CallSetupResult = "CALL_SETUP_RESULT",
        /// A call detail record.
        CallDetail = "CALL_DETAIL",
        /// The state of a device changed.
        DeviceState = "DEVICE_STATE",
        /// Real-time text.
        Text = "TEXT",
        /// The switch was asked to stop.
        ShutdownRequested = "SHUTDOWN_REQUESTED",
        /// Certificates are to be read again. FreeSWITCH 1.10 does not have it.
        CertReload = "CERT_RELOAD",
        /// Every event, in a subscription.
        All = "ALL",
    }
}
