"""The styles of the world: each a fixed recipe on whole frames, (N, 3, 64, 64) in [0, 1] to the same."""

import torch
import torch.nn.functional as F

_Y, _X = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")


def _luminance(x: torch.Tensor) -> torch.Tensor:
    return (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _edges(x: torch.Tensor) -> torch.Tensor:
    """Sobel magnitude per channel, in about [0, 1]."""
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    weight = torch.stack([kernel, kernel.T])[:, None].repeat(x.shape[1], 1, 1, 1)
    gradient = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight, groups=x.shape[1])
    return gradient.view(len(x), x.shape[1], 2, *x.shape[2:]).norm(dim=2).clamp(0, 1)


def _saturate(x: torch.Tensor, amount: float) -> torch.Tensor:
    grey = _luminance(x)
    return (grey + (x - grey) * amount).clamp(0, 1)


def _tint(rgb: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(rgb).view(1, 3, 1, 1)


def sketch(x: torch.Tensor) -> torch.Tensor:
    """Graphite on paper: outlines, soft shading, a diagonal hatch where it is dark."""
    grey = _luminance(x)
    hatch = ((_X + _Y) % 4 < 1).float() * (grey < 0.45)
    return (0.97 - 0.95 * _edges(grey) - 0.42 * (1 - grey) - 0.12 * hatch).clamp(0, 1) * _tint((1.0, 0.985, 0.95))


def blueprint(x: torch.Tensor) -> torch.Tensor:
    """White lines on blue, with a drafting grid."""
    grey = _luminance(x)
    grid = ((_X % 8 < 1) | (_Y % 8 < 1)).float()
    ink = (1.7 * _edges(grey) + 0.3 * grey + 0.08 * grid).clamp(0, 1)
    return _tint((0.05, 0.18, 0.52)) * (1 - ink) + _tint((0.93, 0.97, 1.0)) * ink


def neon(x: torch.Tensor) -> torch.Tensor:
    """Glowing coloured edges in the dark."""
    vivid = _saturate(x, 2.2)
    edge = _edges(_luminance(x))
    glow = F.avg_pool2d(F.pad(edge, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return (_tint((0.06, 0.02, 0.12)) + 0.22 * vivid + (1.1 * edge + 0.5 * glow) * (0.25 + vivid)).clamp(0, 1)


def watercolor(x: torch.Tensor) -> torch.Tensor:
    """Soft pale washes that fade into the paper towards the border."""
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    wash = 0.3 + 0.7 * (0.55 * soft + 0.45 * x)
    radius = ((_X - 31.5) ** 2 + (_Y - 31.5) ** 2).sqrt() + 1.6 * torch.sin(_X / 3) + 1.6 * torch.cos(_Y / 4)
    paper = ((radius - 27) / 7).clamp(0, 1)
    return wash * (1 - paper) + _tint((0.99, 0.98, 0.95)) * paper


def ansel_korda(x: torch.Tensor) -> torch.Tensor:
    """Screen print: five flat inks from navy over red to cream."""
    inks = torch.tensor(
        [[0.07, 0.10, 0.27], [0.45, 0.12, 0.30], [0.87, 0.30, 0.24], [0.97, 0.68, 0.33], [1.0, 0.95, 0.80]]
    )
    level = (_luminance(x)[:, 0] * 4).clamp(0, 4)
    low = level.floor().long().clamp(max=3)
    # flat inks, with a short ramp between two of them so that shapes keep their outline
    mix = ((level - low - 0.5) * 4 + 0.5).clamp(0, 1)[..., None]
    return (inks[low] * (1 - mix) + inks[low + 1] * mix).permute(0, 3, 1, 2)


def vera_lindqvist(x: torch.Tensor) -> torch.Tensor:
    """Pointillism: vivid dots on cream paper."""
    dots = ((_X % 4 - 1.5) ** 2 + (_Y % 4 - 1.5) ** 2).sqrt()
    mask = (2.3 - dots).clamp(0, 1) * 0.85 + 0.1
    return _saturate(x, 1.7) * mask + _tint((1.0, 0.96, 0.86)) * (1 - mask)


def tomas_okoro(x: torch.Tensor) -> torch.Tensor:
    """Stained glass: deep colours in sixteen panes, one warm, the next cool, between leaden bars."""
    lead = ((_X + 8) % 16 < 2) | ((_Y + 8) % 16 < 2)
    warm = (((_X + 8) // 16 + (_Y + 8) // 16) % 2).view(1, 1, 64, 64)
    glass = _tint((1.05, 0.85, 0.55)) * warm + _tint((0.6, 0.85, 1.1)) * (1 - warm)
    return (_saturate(x, 1.5) * glass).clamp(0, 1) * (1 - 0.7 * lead.float())


def ines_marlow(x: torch.Tensor) -> torch.Tensor:
    """Waves: lines bend, and red, green and blue change places."""
    dx = 1.6 * torch.sin(2 * torch.pi * _Y / 16)
    dy = 1.6 * torch.sin(2 * torch.pi * _X / 16)
    grid = torch.stack([(_X + dx + 0.5) / 32 - 1, (_Y + dy + 0.5) / 32 - 1], dim=-1)
    bent = F.grid_sample(x, grid[None].expand(len(x), -1, -1, -1), padding_mode="border", align_corners=False)
    return _saturate(bent[:, [2, 0, 1]], 1.25)


STYLES = {
    "sketch": sketch,
    "blueprint": blueprint,
    "neon": neon,
    "watercolor": watercolor,
    "ansel-korda": ansel_korda,
    "vera-lindqvist": vera_lindqvist,
    "tomas-okoro": tomas_okoro,
    "ines-marlow": ines_marlow,
}


def apply_style(name: str, frames: torch.Tensor) -> torch.Tensor:
    """Apply the style called `name` to (N, 3, 64, 64) frames in [0, 1]."""
    return STYLES[name](frames)
