"""The tab where a visitor makes the agent who they want to meet. Every change holds from the next turn on."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from rapport.apps.demo import form
from rapport.apps.demo.conversation import Conversation
from rapport.apps.demo.media import PATH as MEDIA_PATH
from rapport.apps.demo.panels import persona_html
from rapport.apps.demo.previews import face_picture, picture_html, voice_names, voice_sample
from rapport.apps.demo.sessions import Sessions
from rapport.apps.demo.wiring import Trigger, Update, on, tab_of
from rapport.persona.big_five import TRAITS
from rapport.persona.card import FACE_SLIDERS, Persona
from rapport.persona.errors import ComponentError, InputError, RapportError
from rapport.persona.questionnaire import TIPI

_ANSWERS = [(f"{i}", i) for i in range(1, TIPI.most + 1)]
_FACE_FIELDS = frozenset(form.FIELDS[form.FIELDS.index("age") :])
_INTRO = (
    '<p class="rp-lead">Who you talk to. Every change holds from the next turn on, also in the middle of a '
    "conversation.</p>"
)


class PersonaTab:
    """Lays the form out and keeps it and the agent the same."""

    def __init__(self, sessions: Sessions, about: gr.HTML) -> None:
        self._sessions = sessions
        self._about = about
        self._fields: dict[str, Any] = {}

    def lay_out(self, tab: gr.Tab, first: Persona) -> None:
        """Into the tab that is open; `first` fills the form until the tab is looked at."""
        values = dict(zip(form.FIELDS, form.values_of(first), strict=True))
        gr.HTML(_INTRO, apply_default_css=False)
        with gr.Row(elem_classes="rp-columns"):
            with gr.Column(scale=3, min_width=280, elem_classes="rp-sticky"):
                self._picture = gr.HTML(apply_default_css=False, elem_id="rapport-face")
                sample = gr.Button("Hear the voice", elem_id="rapport-sample")
                self._sound = gr.HTML(apply_default_css=False, elem_id="rapport-sound")
                self._told = gr.HTML(apply_default_css=False, elem_id="rapport-persona-told")
                upload = gr.UploadButton(
                    "Load a persona or character card",
                    file_types=[".yaml", ".yml", ".json", ".png"],
                    type="binary",
                    elem_id="rapport-load-persona",
                )
                self._links = gr.HTML(apply_default_css=False, elem_id="rapport-persona-links")
            with gr.Column(scale=5, min_width=320):
                self._character(values)
            with gr.Column(scale=4, min_width=300):
                self._looks(values)
        fields = [self._fields[name] for name in form.FIELDS]
        changing = [*fields, self._picture, self._told, self._links, self._about]
        on([tab.select], self._looked, [], changing)
        sliders = [c.input for name, c in self._fields.items() if name not in _FACE_FIELDS]
        on(sliders, self._edited, fields, changing, trigger=Trigger.LAST)
        looks = [c.input for name, c in self._fields.items() if name in _FACE_FIELDS]
        on(looks, self._made_up, fields, changing, trigger=Trigger.LAST)
        on([self._use.click], self._answered, [*self._answers, *fields], changing)
        on([upload.upload], self._loaded, [upload], changing)
        on([sample.click], self._sampled, [], [self._sound])

    def _character(self, values: dict[str, Any]) -> None:
        add = self._fields.__setitem__
        add("name", gr.Textbox(values["name"], label="Name", max_length=60))
        add("biography", gr.Textbox(values["biography"], label="Biography", lines=3, max_lines=8, max_length=4000))
        add("manner", gr.Textbox(values["manner"], label="Manner of speaking", lines=2, max_lines=6, max_length=1000))
        add("goals", gr.Textbox(values["goals"], label="What matters to it", info="Words, with commas between."))
        with gr.Group():
            for trait in TRAITS:
                add(trait, self._slider(trait.capitalize(), values[trait], 0.0, 1.0, info=form.TRAIT_WORDS[trait]))
        with gr.Accordion("Or answer a questionnaire", open=False):
            gr.HTML(
                f'<p class="rp-lead">{escape(TIPI.stem)} 1 is disagree strongly, 7 is agree strongly '
                "(TIPI; Gosling, Rentfrow &amp; Swann 2003).</p>",
                apply_default_css=False,
            )
            self._answers = [gr.Radio(_ANSWERS, label=item.text, elem_classes="rp-item") for item in TIPI.items]
            self._use = gr.Button("Use these answers", elem_id="rapport-use-answers")
        with gr.Accordion("Mood at rest", open=False):
            add("mood_free", gr.Checkbox(values["mood_free"], label="As its personality has it"))
            for axis in form.AXES:
                add(f"mood_{axis}", self._slider(axis.capitalize(), values[f"mood_{axis}"], -1.0, 1.0))
        with gr.Accordion("Voice", open=True):
            names = [form.NO_VOICE, *sorted({values["voice"], values["voice_second"]} - {form.NO_VOICE})]
            add("voice", gr.Dropdown(names, value=values["voice"], label="Voice"))
            add("voice_second", gr.Dropdown(names, value=values["voice_second"], label="Blended with"))
            add("voice_share", self._slider("Share of the second", values["voice_share"], 0.0, 1.0))
            add("voice_pitch", self._slider("Pitch", values["voice_pitch"], 0.5, 2.0))
            add("voice_rate", self._slider("Pace", values["voice_rate"], 0.5, 2.0))

    def _looks(self, values: dict[str, Any]) -> None:
        add = self._fields.__setitem__
        add("age", self._slider("Age", values["age"], 18, 80, step=1))
        add("gender", self._slider("Gender", values["gender"], 0.0, 1.0, info="From feminine to masculine"))
        with gr.Accordion("Ancestry", open=True):
            for name in form.ANCESTRIES:
                add(name, self._slider(name.capitalize(), values[name], 0.0, 1.0))
        with gr.Accordion("Hair and colours", open=True):
            styles = ["long", "bob", "short", "bald"]
            add("hair_style", gr.Dropdown(styles, value=values["hair_style"], label="Hair"))
            with gr.Row():
                for name in form.COLOURS:
                    add(name, gr.ColorPicker(values[name], label=name.capitalize(), min_width=90))
            add("brows", self._slider("Brows", values["brows"], 0.0, 1.0))
            add("stubble", self._slider("Stubble", values["stubble"], 0.0, 1.0))
        with gr.Accordion("Shape of the face", open=False):
            for name in FACE_SLIDERS:
                add(name, self._slider(name.replace("_", " ").capitalize(), values[name], -1.0, 1.0))

    @staticmethod
    def _slider(label: str, value: float, low: float, high: float, step: float = 0.01, info: str = "") -> gr.Slider:
        return gr.Slider(low, high, value=value, step=step, label=label, info=info or None)

    # ------------------------------------------------------------------------------------------------------ events

    async def _looked(self, request: gr.Request) -> Update:
        """The tab is looked at: show who the agent is now."""
        conversation = await self._sessions.of(tab_of(request))
        update = self._filled(conversation)
        try:
            names = [form.NO_VOICE, *(await voice_names(conversation.agent))]
        except (RapportError, TimeoutError):
            names = [form.NO_VOICE]
        for field in ("voice", "voice_second"):
            value = update[self._fields[field]]
            update[self._fields[field]] = gr.update(choices=sorted({*names, value}), value=value)
        return update | await self._pictured(conversation)

    async def _edited(self, request: gr.Request, *values: Any) -> Update:
        return await self._take(list(values), request, looks=False)

    async def _made_up(self, request: gr.Request, *values: Any) -> Update:
        return await self._take(list(values), request, looks=True)

    async def _take(self, values: list[Any], request: gr.Request, *, looks: bool) -> Update:
        conversation = await self._sessions.of(tab_of(request))
        try:
            persona = form.persona_of(values)
        except InputError as error:
            return {self._told: _refused(error)}
        conversation.become(persona)
        update: Update = {self._told: "", self._about: persona_html(persona), self._links: _links(conversation)}
        return update | await self._pictured(conversation) if looks else update

    async def _answered(self, request: gr.Request, *values: Any) -> Update:
        count = len(TIPI.items)
        conversation = await self._sessions.of(tab_of(request))
        try:
            traits = form.answered(values[:count])
            fields = list(values[count:])
            start = form.FIELDS.index(TRAITS[0])
            fields[start : start + len(TRAITS)] = traits
            conversation.become(form.persona_of(fields))
        except InputError as error:
            return {self._told: _refused(error)}
        return self._filled(conversation)

    async def _loaded(self, data: bytes | None, request: gr.Request) -> Update:
        conversation = await self._sessions.of(tab_of(request))
        try:
            conversation.become(form.read_card(data or b""))
        except InputError as error:
            return {self._told: _refused(error)}
        return self._filled(conversation) | await self._pictured(conversation)

    async def _sampled(self, request: gr.Request) -> Update:
        conversation = await self._sessions.of(tab_of(request))
        sample = await voice_sample(conversation.agent, conversation.agent.persona)
        if sample is None:
            return {self._sound: _refused(ComponentError("the voice could not be made; the persona still writes"))}
        address = f".{MEDIA_PATH}/{conversation.keep_sample(*sample)}"
        return {self._sound: f'<audio controls autoplay src="{address}" aria-label="the persona\'s voice"></audio>'}

    # ------------------------------------------------------------------------------------------------------- looks

    def _filled(self, conversation: Conversation) -> Update:
        persona = conversation.agent.persona
        values = zip(form.FIELDS, form.values_of(persona), strict=True)
        update: Update = {self._fields[name]: value for name, value in values}
        return update | {self._told: "", self._about: persona_html(persona), self._links: _links(conversation)}

    async def _pictured(self, conversation: Conversation) -> Update:
        return {self._picture: picture_html(await face_picture(conversation.agent, conversation.agent.persona.face))}


def _links(conversation: Conversation) -> str:
    address = conversation.exports.address
    return (
        f'<p class="rp-exports">Save: <a href="{address("persona")}" download="">Persona (YAML)</a>'
        f'<a href="{address("card")}" download="">Character card (V3)</a></p>'
    )


def _refused(error: RapportError) -> str:
    text = str(error)
    return f'<p class="rp-refusal" role="alert">{escape(text[:1].upper() + text[1:])}.</p>'
