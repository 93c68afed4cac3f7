#!/usr/bin/env python3
"""Prints what the models say to fixed sounds when they are run as their makers run them: by onnxruntime, on the features
that pipecat computes. The figures stand in turn.rs and voice.rs; the tests need no Python.

The turn model computes with 8-bit numbers. On processors without VNNI onnxruntime's fast way lets their sums overflow, and
gives other figures for the same sound (0.93 for 0.03); so it is told to take the exact way.

    python3 -m venv venv && venv/bin/pip install onnxruntime==1.32.0 soxr==1.1.0 numpy pipecat-ai==1.14.0
    venv/bin/python speech/tests/signal/reference.py target/tools/models
"""

import sys

import numpy as np
import onnxruntime
import soxr
from pipecat.audio.turn.smart_turn._whisper_features import compute_whisper_log_mel_features

RATE = 8_000
# Seconds, pitch at the beginning and the end, syllables, samples of silence at the end: `Vowels` in sounds.rs.
VOWELS = [
    (1.5, 140, 90, 6, 2_400),
    (1.5, 120, 160, 6, 2_400),
    (3.0, 200, 150, 12, 1_600),
    (2.0, 120, 118, 7, 0),
    (2.0, 150, 130, 3, 2_400),
    (0.9, 110, 100, 1, 2_400),
    (6.0, 180, 190, 20, 2_400),
    (9.0, 150, 140, 31, 1_600),
]


def vowels(seconds, begin, end, syllables, pause):
    t = np.arange(int(seconds * RATE)) / RATE
    cycles = begin * t + (end - begin) * t * t / (2 * seconds)
    sound = np.zeros(len(t))
    for k in range(1, 23):
        hz = k * (begin + end) / 2
        strength = sum(1 / (1 + ((hz - peak) / 120) ** 2) for peak in (600, 1_200, 2_500))
        sound += strength * np.sin(2 * np.pi * k * cycles)
    sound *= np.sin(np.pi * syllables * t / seconds) ** 2 * 4_000
    sound = np.round(sound).astype(np.int16)
    return np.concatenate([np.zeros(RATE // 2, np.int16), sound, np.zeros(pause, np.int16)])


def session(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(f"{sys.argv[1]}/{name}", options)


def complete(model, heights):
    """As pipecat's LocalSmartTurnAnalyzerV3 does it, for sound at 16,000 samples a second."""
    heights = heights[-128_000:]
    heights = np.pad(heights, (128_000 - len(heights), 0)).astype(np.float32)
    features = compute_whisper_log_mel_features(heights)
    return model.run(None, {"input_features": features[None]})[0].item()


def speech(model, heights):
    """As silero_vad's OnnxWrapper does it, for sound at 8,000 samples a second."""
    state, context, found = np.zeros((2, 1, 128), np.float32), np.zeros(32, np.float32), []
    for at in range(0, len(heights) - 255, 256):
        window = np.concatenate([context, heights[at : at + 256]]).astype(np.float32)
        inputs = {"input": window[None], "state": state, "sr": np.array(RATE, np.int64)}
        probability, state = model.run(None, inputs)
        context = window[-32:]
        found.append(probability.item())
    return found


turn, voice = session("smart-turn-v3.2-cpu.onnx"), session("silero_vad_op18_ifless.onnx")
for given in VOWELS:
    heights = vowels(*given).astype(np.float32) / 32_768
    right = complete(turn, soxr.resample(heights, RATE, 16_000, quality="HQ"))
    print(given, f"complete {right:.4f}, were it taken for 16,000: {complete(turn, heights):.4f}")
    # Every sixth window.
    print("   speech", ", ".join(f"{p:.4f}" for p in speech(voice, heights)[5::6]))
