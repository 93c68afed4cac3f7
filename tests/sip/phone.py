#!/usr/bin/env python3
"""A phone that takes one call, says a file and writes down what it says and hears: `python phone.py --help`. It needs pjsua2.

It prints `ready` once it can be called, and ends with the call. Both of its recordings begin at the same moment.
"""

import argparse
import sys

import pjsua2 as pj

# How long it waits for its call, and how long a call lasts at most.
PATIENCE_MS = 60_000
STEP_MS = 10


class Phone(pj.Account):
    def __init__(self, options):
        super().__init__()
        self.options = options
        self.call = None
        self.over = False

    def onIncomingCall(self, told):
        self.call = Talk(self, told.callId)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        self.call.answer(answer)


class Talk(pj.Call):
    def __init__(self, phone, call_id):
        super().__init__(phone, call_id)
        self.phone = phone
        self.player = None
        self.recorders = []

    def onCallState(self, _):
        self.phone.over = self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED

    def onCallMediaState(self, _):
        # What is read of it is freed with it.
        info = self.getInfo()
        if self.player or all(media.status != pj.PJSUA_CALL_MEDIA_ACTIVE for media in info.media):
            return
        audio = self.getAudioMedia(-1)
        self.player = pj.AudioMediaPlayer()
        self.player.createPlayer(self.phone.options.says, pj.PJMEDIA_FILE_NO_LOOP)
        for source, path in ((audio, self.phone.options.hears), (self.player, self.phone.options.said)):
            recorder = pj.AudioMediaRecorder()
            recorder.createRecorder(path)
            source.startTransmit(recorder)
            self.recorders.append(recorder)
        self.player.startTransmit(audio)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--says", required=True, help="a WAV, 8 kHz, one channel")
    parser.add_argument("--said", required=True, help="where its recording of itself goes")
    parser.add_argument("--hears", required=True, help="where its recording of the other side goes")
    parser.add_argument("--tls", help="a PEM file with certificate and key: TLS, and SRTP only")
    options = parser.parse_args()
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    config.logConfig.level = config.logConfig.consoleLevel = 1
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8_000
    # No voice detection and no echo canceller: the file is sent as it is, and heard as it comes.
    config.medConfig.noVad, config.medConfig.ecTailLen = True, 0
    # A jitter buffer that holds back as little as it can: what is measured is our side.
    config.medConfig.jbInit = config.medConfig.jbMinPre = config.medConfig.jbMaxPre = 0
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress, transport.port = "127.0.0.1", options.port
    if options.tls:
        transport.tlsConfig.certFile = transport.tlsConfig.privKeyFile = options.tls
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS if options.tls else pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.audDevManager().setNullDev()
    endpoint.libStart()
    account = pj.AccountConfig()
    account.idUri = "sip:phone@127.0.0.1"
    account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    if options.tls:
        account.mediaConfig.srtpUse, account.mediaConfig.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 1
    phone = Phone(options)
    phone.create(account)
    print("ready", flush=True)
    for _ in range(PATIENCE_MS // STEP_MS):
        endpoint.libHandleEvents(STEP_MS)
        if phone.over:
            break
    done = phone.over
    phone.call = None
    phone.shutdown()
    endpoint.libDestroy()
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
