"""Factors of a trained head, without ever forming them.

Where all masked parameters belong to the last Linear, z = W₂h + b₂, and to the Linear before the ReLU
before it, h = ReLU(W₁x + b₁), each of them touches the logits along one direction that is the same
for all images: entry (c, j) of the last layer moves z along e_c, entry (o, i) of the hidden one along
column o of W₂. Entries that share a direction are a *group* g, with the directions as the columns of
B = [I, W₂] (C, G). The derivative with respect to entry e is then B[:, g_e]·ψ_e with a number ψ_e of
the image's own, h_j (1 for a bias) or 1[h_o > 0]·x_i, and

    V_n = E_n J_n = (E_n B)[:, g] ∘ ψ_n        ψ_n (d,)

with E_n (C, C) from the likelihood, VᵀV = Jᵀ(EᵀE)J. What the selection needs then falls into blocks
of groups (`docs/fisher.md`, «The head's structure»):

    Σ_n w_n VᵀV:  block (g, g') is Σ_n w_n (BᵀEᵀEB)_gg' ψ_g ψ_g'ᵀ
    V S Vᵀ = E B R BᵀEᵀ,  R_gg' = ψ_gᵀ S_gg' ψ_g'
    V Wᵀ = E B Z,  Z_g = ψ_gᵀ W_gᵀ

Indices: n images, r rows, g groups, d masked entries, sorted by group.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fishermask_backend.fisher.groups import Groups
from fishermask_backend.fisher.operators import Factors, gathered, symmetric

PASS_COST = 8  # reading, multiplying and writing an entry, in multiply-adds of a matrix product
AT_HAND_BYTES = 2**28  # of candidates' E and inputs in float64, which are read at every pick
PRODUCT_BYTES = 2**23  # in work at a time, in a pick's products
PASS_BYTES = 2**24  # and in a pass over the pool
FEWER_ROWS = 3  # times fewer rows than classes: then directions are multiplied with rows first
LEAST_IMAGES = 16  # at a time, where MOST_BYTES hold them
MOST_BYTES = 2**28
SPARSE = 2  # images in a range for each one wanted, above which those wanted are copied instead


class HeadFactors(Factors):
    """Factors of a last Linear, with or without a masked Linear–ReLU before it."""

    def __init__(self, seeds: Tensor, inputs: Tensor, groups: Groups) -> None:
        """Take what is kept of each image.

        Args:
            seeds: E (N, R, C) float64: R is C, or fewer with `top_classes`.
            inputs: Of each image the numbers ψ is made of, of any floating dtype (·, N): images
                lie along the last axis, so that products run over them.
            groups: How they make V.
        """
        N, R, _ = seeds.shape
        super().__init__((N, R, len(groups.group)), seeds.device)
        self._seeds, self._inputs, self._groups = seeds, inputs, groups
        C, G = groups.directions.shape
        d = self.shape[2]
        self._by_rows = FEWER_ROWS * R <= C
        by_groups = d * d // 2 + PASS_COST * G * d + (R if self._by_rows else C) * G * (G + C)
        self._pass_bytes = _chunk(PASS_BYTES, 16 * G * G)
        self.structured = by_groups < R * d * d
        self.make = groups
        if self.device.type == "cpu" and not groups.in_order:
            self.order = groups.place

    @property
    def image_bytes(self) -> int:
        """Bytes of E and the inputs of an image."""
        return 8 * self._seeds[:1].numel() + len(self._inputs) * self._inputs.element_size()

    def __getitem__(self, images: Tensor) -> "HeadFactors":
        inputs = self._inputs[:, images.to(self.device)]
        return HeadFactors(gathered(self._seeds, images), inputs, self._groups)

    def rows(self, images: Tensor) -> Tensor:
        """Return V = (E B)[:, g] ∘ ψ (n, R, d) of some images."""
        groups = self._groups
        own = self._numbers(images)[groups.source].T.unsqueeze(1)
        V = self._directed(images)[:, :, groups.group].mul_(own)
        return V if groups.in_order else torch.empty_like(V).index_copy_(2, groups.place, V)

    def gram(self, images: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return Σ w_n V_nᵀV_n (d, d), block by block of groups."""
        if not self.structured:
            return super().gram(images, weights)
        groups, edges = self._groups, self._groups.edges
        G, (R, d) = groups.directions.shape[1], self.shape[1:]
        total = torch.zeros((d, d), dtype=torch.float64, device=self.device)

        def add(part: slice, images: Tensor) -> None:
            psi = self._numbers(images)[groups.source]
            EB = self._directed(images)
            left = EB if weights is None else EB * weights[part].to(EB).view(-1, 1, 1)
            pairs = (left.mT @ EB).permute(1, 2, 0).contiguous()  # (G, G, n)
            work = torch.empty_like(psi)
            for g in range(G):
                start, stop = edges[g], edges[g + 1]
                if start < stop:
                    weighed = work[start:]
                    torch.index_select(pairs[g], 0, groups.group[start:], out=weighed)
                    weighed *= psi[start:]
                    total[start:stop, start:].addmm_(psi[start:stop], weighed.T)

        self.over(images, self._pass_bytes, 8 * (2 * G * G + 2 * R * G + 3 * d), add)
        return groups.unsorted(symmetric(total))

    def blocks(self, images: Tensor, S: Tensor) -> Tensor:
        """Return V_n S V_nᵀ (n, R, R) for a symmetric S (d, d)."""
        if not self.structured:
            return super().blocks(images, S)
        groups, edges = self._groups, self._groups.edges
        (C, G), (R, d) = groups.directions.shape, self.shape[1:]
        S, hidden = groups.sorted(S), groups.directions[:, C:]
        found = torch.empty((len(images), R, R), dtype=torch.float64, device=self.device)

        def compute(part: slice, images: Tensor) -> None:
            psi = self._numbers(images)[groups.source]
            work = torch.empty_like(psi)
            sums = psi.new_zeros((G, G, len(images)))  # R_gg' for g ≤ g', half of it where equal
            for g in range(G):
                start, stop = edges[g], edges[g + 1]
                if start < stop:
                    product = torch.mm(S[start:, start:stop], psi[start:stop], out=work[start:])
                    product *= psi[start:]
                    sums[g].index_add_(0, groups.group[start:], product)
                    sums[g, g] /= 2
            if self._by_rows:
                EB = self._directed(images)
                half = EB @ sums.permute(2, 0, 1) @ EB.mT
                found[part] = half + half.mT
            else:
                left = sums[:C] + (hidden @ sums[C:].flatten(1)).view(C, G, -1)
                left = left.permute(2, 0, 1)
                half = left[:, :, :C] + left[:, :, C:] @ hidden.T
                E = gathered(self._seeds, images)
                found[part] = E @ (half + half.mT) @ E.mT

        each = 8 * (2 * G * G + 3 * d + 4 * C * C)
        self.over(images, self._pass_bytes, each, compute, apart=True)
        return found

    def times(self, image: Tensor, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return V_n S (R, d) of one image (1,) for each S (d, d), whose rows come in `order`.

        E B Z with Z_g = ψ_gᵀ S_g: a row of S is read once, and none of a unit that is not active.
        """
        if self.device.type != "cpu":  # a product a group is more to start than to do
            return super().times(image, matrices)
        psi, active = self._active(image)
        EB = self._directed(image)[0, :, active]
        Z = psi.new_empty((len(active), len(psi)))
        found = []
        for S in matrices:
            for own, g in zip(Z, active, strict=True):
                part = self._groups.part(g)
                torch.mv(S[part].T, psi[part], out=own)
            found.append(EB @ Z)
        return found

    def prepared(self, S: Tensor) -> list[Tensor]:
        """Return each group's rows of a symmetric S (d, d), from its own columns on; half of those."""
        S = self._groups.sorted(S)
        parts = map(self._groups.part, range(self._groups.directions.shape[1]))
        found = [S[part, part.start :].clone() for part in parts]  # dense: a cache may hold them
        for rows in found:
            rows[:, : len(rows)] /= 2
        return found

    def block(self, image: Tensor, prepared: list[Tensor]) -> Tensor:
        """Return V_n S V_nᵀ (R, R) of one image, as `blocks` does, from half of S."""
        psi, active = self._active(image)
        EB = self._directed(image)[0]
        Z = psi.new_empty((len(active), len(psi)))
        for own, g in zip(Z, active, strict=True):
            part = self._groups.part(g)
            own[: part.start] = 0
            torch.mv(prepared[g].T, psi[part], out=own[part.start :])
        half = EB[:, active] @ Z @ (EB[:, self._groups.group] * psi).T
        return half + half.T

    def _active(self, image: Tensor) -> tuple[Tensor, list[int]]:
        """Return ψ (d,) of an image, and the groups in which it is not 0."""
        groups = self._groups
        psi = self._numbers(image)[groups.source, 0]
        entries = psi.new_zeros(groups.directions.shape[1])
        entries.index_add_(0, groups.group, (psi != 0).to(psi))
        return psi, entries.nonzero().flatten().tolist()

    def at_hand(self, images: Tensor) -> tuple["HeadFactors", Tensor]:
        """Return factors with E and the inputs of some images in float64 side by side, if few."""
        if 8 * len(images) * (len(self._inputs) + self._seeds[:1].numel()) > AT_HAND_BYTES:
            return self, images
        inputs = self._inputs[:, images.to(self.device)].double()
        own = HeadFactors(gathered(self._seeds, images), inputs, self._groups)
        return own, torch.arange(len(images))

    def products(self, images: Tensor, W: Tensor, use: Callable[[slice, Tensor], None]) -> None:
        """Call use(part of the images, their W V_nᵀ (n, r, R)) until all have come."""
        groups, edges = self._groups, self._groups.edges
        C, G = groups.directions.shape
        r, shared, outer = len(W), groups.shared, groups.outer
        W = W[:, groups.place]
        last = W.new_zeros((C * shared, r))  # of every class, whether its entries are masked or not
        last[groups.group[:outer] * shared + groups.source[:outer]] = W[:, :outer].T
        last = last.view(C, shared, r).permute(0, 2, 1).reshape(C * r, shared)
        hidden = [W[:, edges[g] : edges[g + 1]] for g in range(C, G)]

        def multiply(part: slice, images: Tensor) -> None:
            numbers, kept = self._numbers_around(images)
            JW = last @ numbers[:shared]  # (C·r, n)
            if G > C:
                Z = W.new_empty((G - C, r, numbers.shape[1]))
                for g, own in enumerate(hidden, start=C):
                    start = shared + edges[g] - outer
                    torch.mm(own, numbers[start : start + own.shape[1]], out=Z[g - C])
                JW.view(C, -1).addmm_(groups.directions[:, C:], Z.view(G - C, -1))
            JW = JW.view(C, r, -1).permute(2, 1, 0)
            JW = JW.contiguous() if kept is None else JW[kept].contiguous()
            use(part, JW @ gathered(self._seeds, images).mT)

        each = 8 * (len(self._inputs) + r * (2 * C + G))
        self.over(images, _chunk(PRODUCT_BYTES, each), each, multiply, apart=True)

    def _directed(self, images: Tensor) -> Tensor:
        """Return E B (n, R, G) of some images, B's first columns being the identity."""
        E = gathered(self._seeds, images)
        return torch.cat([E, E @ self._groups.directions[:, E.shape[2] :]], 2)

    def _numbers(self, images: Tensor) -> Tensor:
        """Return the inputs (·, n) of some images in float64."""
        numbers, kept = self._numbers_around(images)
        return numbers if kept is None else numbers[:, kept]

    def _numbers_around(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the inputs of some images and of those between them, and where theirs are.

        A range of images is read at once; where most of it would go to waste they are copied out.
        """
        if not len(images):
            return self._inputs[:, :0].double(), None
        first, last = int(images[0]), int(images[-1])
        count = last - first + 1
        if count > SPARSE * len(images):
            return self._inputs[:, images.to(self.device)].double(), None
        numbers = self._inputs[:, first : last + 1].double()
        return numbers, None if count == len(images) else (images - first).to(self.device)


def _chunk(size: int, each: int) -> int:
    """Return the bytes in work at a time, where an image takes `each`."""
    return min(MOST_BYTES, max(size, LEAST_IMAGES * each))
