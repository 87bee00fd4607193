"""The command `rapport`. Every command is thin: it reads options, and imports what does the work only when it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from rapport.apps.evaluate.commands import eval_app
from rapport.apps.memory import memory_app
from rapport.apps.render import render
from rapport.apps.simulate.commands import evaluate_sessions, simulate_app
from rapport.persona.errors import RapportError

app = typer.Typer(
    name="rapport",
    help="Emotion-aware conversational agents that hear, feel, answer with empathy, and show it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bench_app = typer.Typer(no_args_is_help=True, help="Latency, frame rate, memory, overhead.")
train_app = typer.Typer(no_args_is_help=True, help="Make a shipped model again from public data.")
app.add_typer(bench_app, name="bench")
app.add_typer(train_app, name="train")
app.add_typer(eval_app, name="eval")
app.add_typer(memory_app, name="memory")
app.add_typer(simulate_app, name="simulate")

Persona = Annotated[str | None, typer.Option(help="A shipped persona (harbor, spark, willow) or a YAML card.")]
Config = Annotated[Path | None, typer.Option(help="YAML that names a component per stage, budgets and fallbacks.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Makes everything that is drawn at random repeat.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command()
def demo(
    persona: Persona = None,
    config: Config = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 picks a free one.")] = 7860,
    auth: Annotated[str | None, typer.Option(help="NAME:PASSWORD that everybody has to give.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """A page to talk to the agent: text, microphone, camera, talking head, both feelings drawn live, and why."""
    chosen = _config(config, persona)
    typer.echo("starting the page; its models wake up meanwhile")
    from rapport.agent.safety.redaction import redact_logs
    from rapport.apps.demo.serving import account, is_local, serve

    redact_logs()
    someone = account(auth) if auth is not None else None
    if someone is None and not is_local(host):
        typer.echo(
            f"warning: anybody who reaches {host} can use this page and this machine; --auth asks for a password"
        )

    def tell(address: str) -> None:
        typer.echo(f"talk to it at {address} (Ctrl-C stops)")

    serve(chosen, host=host, port=port, auth=someone, open_browser=open_browser, on_ready=tell)


@app.command()
def chat(
    persona: Persona = None,
    config: Config = None,
    voice: Annotated[bool, typer.Option("--voice", help="Listen to the microphone and speak.")] = False,
    trace: Annotated[Path | None, typer.Option(help="Write every turn's trace there, one JSON object a line.")] = None,
    seed: Seed = None,
) -> None:
    """Talk in the terminal, typed or by voice."""
    from rapport.apps.chat import chat as run

    run(_config(config, persona), voice=voice, trace=trace, seed=seed)


@app.command()
def talk(
    out: Annotated[Path, typer.Option(help="The answer: an .mp4 with voice and face, or a .wav with the voice.")],
    audio: Annotated[Path | None, typer.Option(help="What the person says: any audio or video file.")] = None,
    text: Annotated[str | None, typer.Option(help="What the person says, typed.")] = None,
    persona: Persona = None,
    config: Config = None,
    trace: Annotated[Path | None, typer.Option(help="Write the turn's trace there as JSON.")] = None,
    seed: Seed = None,
) -> None:
    """Answer one recording or one line with a video of the talking head."""
    from rapport.apps.talk import talk as run

    run(_config(config, persona), audio=audio, text=text, out=out, trace=trace, seed=seed)


@app.command()
def plot(
    trace: Annotated[Path, typer.Argument(help="What --trace of `rapport chat` or `rapport talk` wrote.")],
    out: Annotated[Path, typer.Option(help="An .html page, an .svg figure or a .png picture.")],
) -> None:
    """Draw how both felt: the valence-arousal plane, the axes over the turns, the words and the reasons."""
    from rapport.apps.plot.write import plot as run

    run(trace, out)


@app.command()
def export(
    trace: Annotated[Path, typer.Argument(help="What --trace of `rapport chat` or `rapport talk` wrote.")],
    out: Annotated[Path, typer.Option(help="The EmotionML 1.0 document to write.")],
) -> None:
    """Write the feelings of both as EmotionML, W3C's exchange format for emotions."""
    from rapport.apps.export import export as run

    run(trace, out)


@app.command()
def components(json: Json = False) -> None:
    """Every stage, every implementation, installed or which extra it needs."""
    from rapport.apps.components import show

    show(as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """Devices, GPU adapters, models: what is there, what is missing and how to get it."""
    from rapport.apps.doctor import show

    show(as_json=json)


@bench_app.command("turn")
def bench_turn(
    clips: Annotated[Path | None, typer.Option(help="A folder of speech files instead of the shipped clips.")] = None,
    persona: Persona = None,
    config: Config = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each clip is answered.")] = 1,
    json: Json = False,
) -> None:
    """From the end of a person's audio to the first audio out, and how fast the video is made."""
    from rapport.apps.bench.turn import run

    run(_config(config, persona), clips=clips, rounds=rounds, as_json=json)


@bench_app.command("conversation")
def bench_conversation(config: Config = None, persona: Persona = None, json: Json = False) -> None:
    """Twenty spoken turns in real time, with interruptions, backchannels and silence: are they the right ones?"""
    from rapport.apps.bench.conversation import run

    run(_config(config, persona), as_json=json)


@bench_app.command("loop")
def bench_loop(
    turns: Annotated[int, typer.Option(min=1, help="How many turns to time.")] = 300,
    json: Json = False,
) -> None:
    """What the loop itself costs per turn: every stage a fake that takes no time."""
    from rapport.apps.bench.loop import run

    run(turns=turns, as_json=json)


@bench_app.command("voice")
def bench_voice(
    persona: Persona = None,
    config: Config = None,
    sentences: Annotated[int, typer.Option(min=1, max=50, help="How many of the fifty sentences are spoken.")] = 50,
    emotion: Annotated[str | None, typer.Option(help="The emotion recogniser for voices that listens.")] = None,
    json: Json = False,
) -> None:
    """Whether every emotion is understood, whether the voice does what was asked, and how quick it is."""
    from rapport.apps.bench.voice import run

    run(_config(config, persona), sentences=sentences, emotion=emotion, as_json=json)


@bench_app.command("ears")
def bench_ears(json: Json = False) -> None:
    """What is heard and when: word errors, partial words, ends of turns, echo, and what listening costs."""
    from rapport.apps.bench.ears import run

    run(as_json=json)


@bench_app.command("face")
def bench_face(
    persona: Persona = None,
    config: Config = None,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="Length of the text that is spoken.")] = 60,
    json: Json = False,
) -> None:
    """Frames per second by tier, closed lips, whether the feelings of the face are read, and when it nods."""
    from rapport.apps.bench.face import run

    run(_config(config, persona), seconds=seconds, as_json=json)


@bench_app.command("page")
def bench_page(
    config: Config = None,
    persona: Persona = None,
    turns: Annotated[int, typer.Option(min=1, max=1000, help="How many turns one visitor types.")] = 10,
    json: Json = False,
) -> None:
    """The page through headless Chromium: loading, first words, first sound, eight people at once, memory."""
    from rapport.apps.bench.page import run

    run(turns=turns, config=config, persona=persona, as_json=json)


@bench_app.command("memory")
def bench_memory(
    n: Annotated[int, typer.Option(min=100, help="How many memories one person has.")] = 1_000_000,
    json: Json = False,
) -> None:
    """Recalling and remembering with up to a million memories: time, memory, and what the search misses."""
    from rapport.apps.bench.memory import run

    run(n=n, as_json=json)


@bench_app.command("storm")
def bench_storm(
    kills: Annotated[int, typer.Option(min=1, help="How many writers are killed.")] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    json: Json = False,
) -> None:
    """Writers of memories are killed at random moments: is anything lost or half-written?"""
    from rapport.apps.bench.storm import run

    run(kills=kills, seed=seed, as_json=json)


@train_app.command("text-emotion")
def train_text_emotion(
    data: Annotated[Path, typer.Option(help="A folder with goemotions/, emobank/, meld/ and peld/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    epochs: Annotated[int, typer.Option(min=1)] = 3,
    teacher: Annotated[list[Path], typer.Option(help="The folder of an earlier model to learn from too.")] = [],  # noqa: B006
    start: Annotated[Path | None, typer.Option(help="The folder of an earlier model to go on from.")] = None,
) -> None:
    """The emotion reader for words: MiniLM on GoEmotions, EmoBank, MELD and PELD, as int8 ONNX."""
    from rapport.apps.train.text_emotion import train_text_emotion as run

    run(data, out, seed=seed, epochs=epochs, teachers=teacher, start=start)


@train_app.command("transition")
def train_transition(
    data: Annotated[Path, typer.Option(help="A folder with peld/ and meld/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The learned emotion transition, from PELD's triples."""
    from rapport.apps.train.transition import train_transition as run

    run(data, out, seed=seed)


@train_app.command("voice-emotion")
def train_voice_emotion(
    data: Annotated[Path, typer.Option(help="A folder with ravdess/ and emodb/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The emotion reader for voices: Whisper's encoder and measures of the voice on RAVDESS and EmoDB."""
    from rapport.apps.train.voice_emotion import train_voice_emotion as run

    run(data, out, seed=seed)


@train_app.command("face-emotion")
def train_face_emotion(
    data: Annotated[Path, typer.Option(help="A folder with fer2013/validation.npz.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The emotion reader for faces: the mini-Xception, corrected by landmarks, on FER2013's validation pictures."""
    from rapport.apps.train.face_emotion import train_face_emotion as run

    run(data, out, seed=seed)


@train_app.command("fusion")
def train_fusion(
    data: Annotated[Path, typer.Option(help="A folder with meld/, ravdess/, emodb/ and fer_plus/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The learned fusion of words, voice and face, on what the shipped recognisers read."""
    from rapport.apps.train.fusion import train_fusion as run

    run(data, out, seed=seed)


@train_app.command("safety")
def train_safety(
    data: Annotated[Path, typer.Option(help="A folder with goemotions/, empatheticdialogues/ and dailydialog/.")],
    out: Annotated[Path, typer.Option(help="Where heads, settings and the card are written.")],
    cases: Annotated[Path, typer.Option(help="Cases with parts, as JSON lines.")] = Path(
        "tests/fixtures/safety_cases.jsonl"
    ),
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The reader of danger, on cases written for it and everyday talk."""
    from rapport.apps.train.safety import train_safety as run

    run(cases, data, out, seed=seed)


@train_app.command("empathy")
def train_empathy(
    data: Annotated[Path, typer.Option(help="A folder with epitome/ and esconv/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The scorer of empathy in replies, on EPITOME's pairs and ESConv's strategies."""
    from rapport.apps.train.empathy import train_empathy as run

    run(data, out, seed=seed)


@train_app.command("cause")
def train_cause(
    data: Annotated[Path, typer.Option(help="A folder with reccon/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The finder of causes of feelings, on RECCON."""
    from rapport.apps.train.cause import train_cause as run

    run(data, out, seed=seed)


@train_app.command("strategy")
def train_strategy(
    data: Annotated[Path, typer.Option(help="A folder with esconv/.")],
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The policy over support strategies, on ESConv."""
    from rapport.apps.train.strategy import train_strategy as run

    run(data, out, seed=seed)


@train_app.command("likeness")
def train_likeness(
    out: Annotated[Path, typer.Option(help="Where the model folder is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """The judge of which answers of the stock fit a turn, on the stock and readings of such pairs."""
    from rapport.apps.train.likeness import train_likeness as run

    run(out, seed=seed)


@train_app.command("reply")
def train_reply(
    data: Annotated[Path, typer.Option(help="A folder with empatheticdialogues/ and esconv/.")],
    out: Annotated[Path, typer.Option(help="Where the adapter, its settings and the card are written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens are read in training.")] = 64_000,
) -> None:
    """An adapter of the embedded language model, on good replies of EmpatheticDialogues and ESConv."""
    from rapport.apps.train.reply import train_reply as run

    run(data, out, seed=seed, tokens=tokens)


@train_app.command("turn-ends")
def train_turn_ends(
    data: Annotated[Path, typer.Option(help="A folder with goemotions/.")],
    out: Annotated[Path, typer.Option(help="Where turn_ends.npz is written.")],
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Which last words end what somebody says: the endpointer waits longer after the others."""
    from rapport.apps.train.turn_ends import train_turn_ends as run

    run(data, out, seed=seed)


app.command()(render)
app.command("evaluate-sessions")(evaluate_sessions)


def _config(path: Path | None, persona: str | None) -> Any:
    from rapport.agent.config import AgentConfig, load_config
    from rapport.persona.card import load_persona

    config = AgentConfig() if path is None else load_config(path)
    if persona is not None:
        config = config.model_copy(update={"persona": persona})
    load_persona(config.persona)
    return config


def main() -> None:
    """Entry point: a known error is one line and exit code 2, Ctrl-C is quiet."""
    try:
        app()
    except RapportError as error:
        sys.stderr.write(f"rapport: {error}\n")
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
