"""Texts of two styles in each language, of things that can be swapped."""

from __future__ import annotations

# the same of two things, in two ways each: content and style are crossed
TOPICS_JA = (("図書館", "本", "司書", "棚"), ("水族館", "魚", "飼育員", "水槽"), ("郵便局", "手紙", "局員", "窓口"))
POLITE = (
    "{0}では、新しい{1}を毎週ご案内しています。どうぞお気軽に{2}までお声がけください。{3}のそばには椅子もございますので、"
    "ゆっくりとご覧いただけます。お子さまと一緒にいらっしゃる場合は、入口でお知らせくださいね。それでは、お待ちしております。"
)
PLAIN = (
    "{0}に新しい{1}が入るのは毎週である。詳しいことは{2}が知っている。{3}の近くに椅子がある。しかし長居をする者は少ない。"
    "理由は単純だ。人が多すぎるのである。朝のうちなら空いている。なお、子どもを連れた者は入口で断られることがある。"
)
TOPICS_EN = (("library", "books", "shelf"), ("aquarium", "fish", "tank"), ("bakery", "loaves", "oven"))
CHATTY = (
    "Hey, so here's the thing about our {0}: you'll love it! We've got new {1} every week, and you don't even need to "
    "ask. Just walk up to the {2} and take a look. Isn't that great? If you can't find what you're after, let us know! "
)
FORMAL = (
    "The {0} receives new {1} on a weekly basis; visitors are not required to enquire in advance. The {2}, which was "
    "installed in the previous year, is located near the entrance, and it may be inspected by anyone admitted. "
)


def japanese(form: str, topic: int) -> str:
    return "".join(form.format(*TOPICS_JA[topic]) for _ in range(3))


def english(form: str, topic: int) -> str:
    return "".join(form.format(*TOPICS_EN[topic]) for _ in range(6))
