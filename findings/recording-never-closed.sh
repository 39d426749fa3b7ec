#!/usr/bin/env bash
# Guess:   a WAV file whose writer stopped in the middle has no length, or every library finds the same one.
# Truth:   libsndfile, which mod_sndfile writes recordings with, leaves the sizes 8 and 0 in the header until the file is closed. Read
#          back, libsndfile says 2.0 s for it, which is right. tinytag, mutagen and wavefile say 0 s without an error, music-metadata
#          gives no length, and Python's wave raises an error.
# Version: PyPI soundfile 0.14.0 (libsndfile 1.2.2), tinytag 2.3.2, mutagen 1.48.1; npm music-metadata 11.16.1, wavefile 11.0.0; wave
#          of Python 3.11
# Date:    2026-11-29
# Matters: a recording that is read too early, or that a switch that died left behind, is reported as a call of no length, although all
#          of the talk is in the file.
. "$(dirname "$0")/support.sh"

cat > write.py <<'END'
import shutil
import numpy, soundfile

recording = soundfile.SoundFile("closed.wav", "w", samplerate=8000, channels=1, subtype="PCM_16")
for _ in range(100):
    recording.write(numpy.zeros(160, dtype="int16"))
recording.flush()
shutil.copy("closed.wav", "open.wav")
recording.close()
END
cat > read.py <<'END'
import wave
import soundfile
from mutagen.wave import WAVE
from tinytag import TinyTag

readers = {
    "libsndfile": lambda name: soundfile.info(name).duration,
    "tinytag": lambda name: TinyTag.get(name).duration,
    "mutagen": lambda name: WAVE(name).info.length,
    "wave": lambda name: wave.open(name).getnframes() / 8000,
}
for name in ["closed.wav", "open.wav"]:
    for reader, read in readers.items():
        try:
            print(name, reader, round(read(name), 3))
        except Exception as error:
            print(name, reader, "raises", type(error).__name__)
END
cat > read.mjs <<'END'
import { readFileSync } from 'node:fs'
import { parseFile } from 'music-metadata'
import wavefile from 'wavefile'
for (const name of ['closed.wav', 'open.wav']) {
  console.log(name, 'music-metadata', (await parseFile(name)).format.duration)
  console.log(name, 'wavefile', new wavefile.WaveFile(readFileSync(name)).data.samples.length / 16000)
}
END
python_packages soundfile==0.14.0 numpy==2.4.6 tinytag==2.3.2 mutagen==1.48.1
node_packages music-metadata@11.16.1 wavefile@11.0.0
"$python" write.py
{ "$python" read.py; node read.mjs; } > seen

# The output seen; both files hold the same 2.0 s:
expect <<'END'
closed.wav libsndfile 2.0
closed.wav tinytag 2.0
closed.wav mutagen 2.0
closed.wav wave 2.0
open.wav libsndfile 2.0
open.wav tinytag 0.0
open.wav mutagen 0.0
open.wav wave raises Error
closed.wav music-metadata 2
closed.wav wavefile 2
open.wav music-metadata undefined
open.wav wavefile 0
END
