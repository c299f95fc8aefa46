"""The command line of `fishermask simulate`. All else is imported when it runs: torch takes seconds."""

from pathlib import Path

import click

from fishermask_backend.simulation import SimulationImpossible, check_installed


@click.command()
@click.option(
    "--data",
    default="",
    help="a folder with a folder a class, a CSV with the columns path and label, or "
    "digits, fashion-mnist or cifar10",
)
@click.option("--project", type=int, help="id in Label Studio: its labelled tasks instead")
@click.option(
    "--strategies",
    default="fishermask,margin,random",
    show_default="FisherMask, margin, random",
    help="names, with settings of their own like bait:ridge=0.01",
)
@click.option(
    "--rounds", type=click.IntRange(1), default=10, show_default=True, help="of each course"
)
@click.option(
    "--seeds", type=click.IntRange(1), default=5, show_default=True, help="courses of each strategy"
)
@click.option(
    "--pool",
    type=click.IntRange(2),
    default=2000,
    show_default=True,
    help="images to label from, at most; a quarter as many are held out",
)
@click.option("--labels-per-round", type=click.IntRange(1, 500), help="BATCH_SIZE")
@click.option("--imbalanced", is_flag=True, help="half of the classes keep a tenth of their images")
@click.option(
    "--level",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="which level of folders is the class; 0: the innermost",
)
@click.option("--jobs", type=click.IntRange(0), default=0, help="courses at a time; one a core")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="a folder for report and points; simulation-<data>",
)
def simulate(
    data: str,
    project: int | None,
    strategies: str,
    rounds: int,
    seeds: int,
    pool: int,
    labels_per_round: int | None,
    imbalanced: bool,
    level: int,
    jobs: int,
    out: Path | None,
) -> None:
    """Try strategies on images whose labels are known.

    Writes a report that says how many labels each would have saved. What is computed is kept: the same
    command goes on where it was stopped, and more strategies, seeds and rounds may be asked for. The
    exit code is 1 if a strategy failed.
    """
    from fishermask_backend.settings import load_settings

    check_installed()
    from fishermask_backend.simulation.simulate import Asked
    from fishermask_backend.simulation.simulate import simulate as run
    from fishermask_backend.simulation.study import Plan
    from fishermask_backend.simulation.variants import read_variants

    if bool(data) == (project is not None):
        raise SimulationImpossible("name the images by --data, or a project by --project.")
    settings = load_settings()
    plan = Plan(
        read_variants(strategies),
        rounds,
        seeds,
        labels_per_round or settings.batch_size,
        imbalanced,
    )
    try:
        outcome = run(Asked(data, project, level, plan, pool, out, jobs), settings)
    except KeyboardInterrupt:
        told = "stopped. What is computed is kept: the same command goes on."
        click.echo(f"fishermask: {told}", err=True)
        raise SystemExit(130) from None
    click.echo("\n" + "\n".join(outcome.verdict))
    click.echo(
        f"\n{outcome.folder / 'report.html'} says it with curves; points.csv has every point."
    )
    for sentence in outcome.failed:
        click.echo(f"fishermask: {sentence}", err=True)
    if outcome.failed:
        raise SystemExit(1)
