"""Every other stream is kept where an MP4 can hold it, and what becomes of it is said."""

import pytest

from scoring_images.style_transfer.sound import fate, plainer
from scoring_images.style_transfer.video import OtherStream

A, S, V = "audio", "subtitle", "video"


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (OtherStream(1, A, "aac", "eng", packets=9), "stream 1, audio (aac, eng): copied"),
        (OtherStream(1, A, "opus", packets=9), "stream 1, audio (opus): copied"),
        (OtherStream(1, A, "vorbis", packets=9), "stream 1, audio (vorbis): converted to AAC, MP4 cannot hold it"),
        (OtherStream(1, A, "", packets=9), "stream 1, audio: left out, its coding is unknown"),
        (OtherStream(1, A, "aac"), "stream 1, audio (aac): left out, it is empty"),
        (OtherStream(2, S, "ass", packets=9), "stream 2, subtitle (ass): converted to MP4's text"),
        (OtherStream(2, S, "mov_text", packets=9), "stream 2, subtitle (mov_text): copied"),
        (
            OtherStream(2, S, "hdmv_pgs_subtitle", packets=9),
            "stream 2, subtitle (hdmv_pgs_subtitle): left out, its text is in pictures",
        ),
        (OtherStream(3, V, "mjpeg", cover=True, packets=1), "stream 3, cover picture (mjpeg): copied"),
        (OtherStream(3, V, "hevc", packets=9), "stream 3, video (hevc): copied"),
        (OtherStream(3, V, "mjpeg", packets=9), "stream 3, video (mjpeg): left out, MP4 cannot hold it"),
        (OtherStream(4, "data", "bin_data", packets=9), "stream 4, data (bin_data): left out, MP4 has no place for it"),
    ],
)
def test_the_fate_of_a_stream_is_said(stream: OtherStream, said: str) -> None:
    assert str(fate(stream)) == said


def test_what_ffmpeg_cannot_do_is_tried_more_plainly_until_it_is_left_out() -> None:
    copied = fate(OtherStream(1, A, "aac", packets=9))
    converted = plainer(copied)
    assert (converted.coder, plainer(converted).coder) == ("aac", None)
    assert plainer(fate(OtherStream(2, S, "ass", packets=9))).why == "it cannot be read"
