"""Which links of a mail are counted, and that they can lead nowhere else."""

from __future__ import annotations

from dongtai_mail.content import Issue, Item, Paragraph, Section
from dongtai_mail.rendering import Frame, Kind, render
from dongtai_mail.rendering.clicks import counted

BASE = "https://news.example.org/l/0123456789abcdef01234567/"
FRAME = Frame("https://news.example.org/read/observer/0123456789abcdef01234567/", "您订阅了。")
TWO = Issue(
    masthead="云港观察",
    sections=(
        Section(
            "要闻",
            (
                Item(
                    "一",
                    (
                        Paragraph(
                            "见[报道](https://a.example/?x=1&y=2)、[又](https://a.example/?x=1&y=2)、"
                            "[信](mailto:a@b.example)。"
                        ),
                    ),
                ),
                Item("二", (Paragraph("见[报道](https://a.example/?x=1&y=2)。"),)),
            ),
        ),
    ),
)


def _spared(rendered) -> tuple[str, ...]:
    return (rendered.slots.unsubscribe, rendered.slots.preferences)


def test_links_of_items_are_counted_and_the_readers_own_are_not():
    rendered = render(TWO, FRAME, Kind.FULL)
    html, links = counted(rendered.html, BASE, _spared(rendered))
    assert [(link.number, link.target, link.item) for link in links] == [
        (0, "https://a.example/?x=1&y=2", 0),
        (1, "https://a.example/?x=1&y=2", 1),
    ]
    assert html.count(f'href="{BASE}0"') == 2
    assert html.count(f'href="{BASE}1"') == 1
    assert "a.example" not in html
    assert rendered.slots.unsubscribe in html
    assert "mailto:a@b.example" in html
    assert f'href="{FRAME.web_url}"' in html


def test_a_digest_counts_what_leads_to_the_web_edition():
    rendered = render(TWO, FRAME, Kind.DIGEST)
    html, links = counted(rendered.html, BASE, _spared(rendered))
    assert [(link.target, link.item) for link in links] == [
        (f"{FRAME.web_url}#i1-1", 0),
        (f"{FRAME.web_url}#i1-2", 1),
    ]
    assert html.count(BASE) == 2


def test_nothing_but_targets_changes():
    rendered = render(TWO, FRAME, Kind.FULL)
    html, links = counted(rendered.html, BASE, _spared(rendered))
    for link in links:
        html = html.replace(f'"{BASE}{link.number}"', '"https://a.example/?x=1&amp;y=2"')
    assert html == rendered.html
