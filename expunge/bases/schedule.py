"""How a T2I model was trained to denoise: noise is added by a diffusion's schedule, or along a flow's straight line.

schedule = schedule_of(pipe.scheduler)
z_t = schedule.add_noise(z_0, eps, t)               t (N,) whole numbers in [0, schedule.length)
goal = schedule.target(z_0, eps, t)                 what the model predicts
"""

from typing import Any, Protocol

from torch import Tensor

from expunge.bases.families.names import FLOW, prediction_of

SHIFT = "snr_shift_scale"  # of CogVideoX's schedulers


class Schedule(Protocol):
    """The schedule of a model's training."""

    length: int  # a timestep is a whole number in [0, length)
    prediction: str  # epsilon, v_prediction, sample or flow_prediction

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """z_t of z_0 (N, C, ...), eps like it and timesteps (N,)."""

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the denoiser was trained to predict."""

    def stepper(self) -> Any:
        """A deterministic solver of diffusers that goes from noise to a sample, one step after the other."""


class Diffusion:
    """z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps."""

    def __init__(self, config: dict[str, Any], shares: Tensor | None = None) -> None:
        """:param shares: abar of each timestep, where DDPMScheduler does not make them of the settings."""
        from diffusers import DDPMScheduler

        self.noise = DDPMScheduler.from_config({k: v for k, v in config.items() if k != SHIFT})
        self.length, self.prediction = self.noise.config.num_train_timesteps, self.noise.config.prediction_type
        if shares is not None:
            self.noise.alphas_cumprod = shares.float()

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        return self.noise.add_noise(latents, noise, timesteps)

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        if self.prediction == "v_prediction":
            return self.noise.get_velocity(latents, noise, timesteps)
        return latents if self.prediction == "sample" else noise

    def stepper(self) -> Any:
        from diffusers import DDIMScheduler

        solver = DDIMScheduler.from_config(self.noise.config, clip_sample=False)
        solver.alphas_cumprod = self.noise.alphas_cumprod
        return solver


class Flow:
    """z_t = (1 - t / T) z_0 + t / T eps; the target is eps - z_0 (flow matching, arXiv 2210.02747)."""

    prediction = FLOW

    def __init__(self, config: dict[str, Any]) -> None:
        self.config, self.length = config, int(config.get("num_train_timesteps", 1000))

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        share = (timesteps.to(latents) / self.length).reshape(-1, *[1] * (latents.ndim - 1))
        return (1 - share) * latents + share * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        return noise - latents

    def stepper(self) -> Any:
        from diffusers import FlowMatchEulerDiscreteScheduler

        shift = self.config.get("flow_shift", self.config.get("shift", 1.0))
        return FlowMatchEulerDiscreteScheduler(num_train_timesteps=self.length, shift=shift)


def schedule_of(scheduler: Any) -> Schedule:
    """The schedule of a pipeline's scheduler, whatever solver that is."""
    config = {key: value for key, value in scheduler.config.items() if not key.startswith("_")}
    if prediction_of({"_class_name": type(scheduler).__name__, **config}) == FLOW:
        return Flow(config)
    return Diffusion(config, scheduler.alphas_cumprod if SHIFT in config else None)
