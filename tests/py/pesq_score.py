"""Scores how speech sounds after a line (ITU-T P.862, narrow band): pesq_score.py REFERENCE.wav HEARD.wav

Both are 16-bit mono WAV files at 8 kHz. Prints {"pesq": score, "longest_gap_ms": …, "level_db": …}, where the level is the heard
speech's against the reference's, and a gap is a stretch of the heard
speech that is digital silence while the reference, at the best alignment, is not.
"""

import json
import sys
import wave

import numpy
from pesq import pesq

RATE = 8000
FRAME = RATE // 100
SILENT = 8
SPEAKS = 300


def samples(path):
    """The samples of a WAV file."""
    with wave.open(path) as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise SystemExit(f"{path}: expected 16-bit mono at {RATE} Hz")
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(numpy.int32)


def delay(reference, heard):
    """By how many samples the heard signal comes later, from the peak of the cross-correlation."""
    size = 1 << (len(reference) + len(heard) - 1).bit_length()
    product = numpy.fft.rfft(heard, size) * numpy.conj(numpy.fft.rfft(reference, size))
    lag = int(numpy.argmax(numpy.fft.irfft(product, size)))
    return lag - size if lag > size // 2 else lag


def longest_gap_ms(reference, heard):
    """The longest run of 10 ms frames in which the reference speaks and the heard signal is silent."""
    lag = delay(reference, heard)
    longest = run = 0
    for start in range(0, len(reference) - FRAME + 1, FRAME):
        there = reference[start : start + FRAME]
        here = heard[max(start + lag, 0) : max(start + lag + FRAME, 0)]
        gap = numpy.abs(there).max() >= SPEAKS and (len(here) < FRAME or numpy.abs(here).max() <= SILENT)
        run = run + 1 if gap else 0
        longest = max(longest, run)
    return longest * 10


def aligned(reference, heard):
    """The part of the heard signal that is the reference's, as long as the reference."""
    lag = delay(reference, heard)
    part = heard[max(lag, 0) : max(lag, 0) + len(reference)]
    part = numpy.concatenate([numpy.zeros(max(-lag, 0), heard.dtype), part])[: len(reference)]
    return numpy.concatenate([part, numpy.zeros(len(reference) - len(part), heard.dtype)])


def level_db(reference, heard):
    """By how many decibels the heard signal is louder."""
    power = [numpy.sum(signal.astype(numpy.float64) ** 2) + 1 for signal in (heard, reference)]
    return 10 * numpy.log10(power[0] / power[1])


if __name__ == "__main__":
    reference, heard = (samples(path) for path in sys.argv[1:3])
    gap, heard = longest_gap_ms(reference, heard), aligned(reference, heard)
    score = pesq(RATE, reference.astype(numpy.int16), heard.astype(numpy.int16), "nb")
    print(json.dumps({"pesq": round(float(score), 3), "longest_gap_ms": gap, "level_db": round(float(level_db(reference, heard)), 2)}))
