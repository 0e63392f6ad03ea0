(* What the prover says of exp, ln, sqrt, powers and choices, each lemma under the name that its proofs give it.

   A lemma is a clause: at least one of its alternatives holds, for all real (natural) values. Coq's functions are total
   (ln, sqrt and / have values everywhere), so an alternative for arguments out of range stands wherever it is needed. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* --- clearing denominators ------------------------------------------------------------------------------------ *)

Lemma cleared_le : forall l r d n, l <= r -> 0 < d -> (r - l) * d = n -> 0 <= n.
Proof. intros l r d n H D <-. apply Rmult_le_pos; lra. Qed.

Lemma cleared_lt : forall l r d n, l < r -> 0 < d -> (r - l) * d = n -> 0 < n.
Proof. intros l r d n H D <-. apply Rmult_lt_0_compat; lra. Qed.

Lemma cleared_eq : forall l r d n, l = r -> (r - l) * d = n -> n = 0.
Proof. intros l r d n -> <-. ring. Qed.

Lemma cleared_neq : forall l r d n, l <> r -> d <> 0 -> (r - l) * d = n -> n <> 0.
Proof. intros l r d n H D <-. apply Rmult_integral_contrapositive_currified; lra. Qed.

Lemma le_of_cleared : forall l r d n, 0 < d -> (r - l) * d = n -> 0 <= n -> l <= r.
Proof. intros l r d n D <- H. apply Rnot_lt_le. intro. nra. Qed.

Lemma lt_of_cleared : forall l r d n, 0 < d -> (r - l) * d = n -> 0 < n -> l < r.
Proof. intros l r d n D <- H. apply Rnot_le_lt. intro. nra. Qed.

Lemma eq_of_cleared : forall l r d n, d <> 0 -> (r - l) * d = n -> n = 0 -> l = r.
Proof. intros l r d n D <- H. apply Rmult_integral in H as [H | H]; lra. Qed.

Lemma neq_of_cleared : forall l r d n, (r - l) * d = n -> n <> 0 -> l <> r.
Proof. intros l r d n <- H ->. apply H. ring. Qed.

Lemma square_positive : forall x, x <> 0 -> 0 < x ^ 2.
Proof. intros x H. simpl. rewrite Rmult_1_r. apply Rsqr_pos_lt, H. Qed.

Ltac nonnegative :=
  first [assumption | solve [lra] |
    match goal with
    | |- 0 <= _ * _ => apply Rmult_le_pos; nonnegative
    | |- 0 <= _ + _ => apply Rplus_le_le_0_compat; nonnegative
    | |- 0 <= _ / _ => apply Rmult_le_pos; [nonnegative | apply Rlt_le, Rinv_0_lt_compat; positive]
    | |- 0 <= / _ => apply Rlt_le, Rinv_0_lt_compat; positive
    | |- 0 <= _ ^ 2 => apply pow2_ge_0
    | |- 0 <= _ ^ _ => apply pow_le; nonnegative
    end]

with positive :=
  first [assumption | solve [lra] |
    match goal with
    | |- 0 < _ * _ => apply Rmult_lt_0_compat; positive
    | |- 0 < _ + _ => apply Rplus_lt_le_0_compat; [positive | nonnegative]
    | |- 0 < _ + _ => apply Rplus_le_lt_0_compat; [nonnegative | positive]
    | |- 0 < _ / _ => apply Rdiv_lt_0_compat; positive
    | |- 0 < / _ => apply Rinv_0_lt_compat; positive
    | |- 0 < _ ^ 2 => apply square_positive; assumption
    | |- 0 < _ ^ _ => apply pow_lt; positive
    | |- 0 < PI => apply PI_RGT_0
    end | solve [nra]].

Ltac nonzero :=
  repeat match goal with |- _ /\ _ => split end;
  first [assumption | apply Rgt_not_eq; unfold Rgt; solve [positive] | apply Rlt_not_eq; solve [lra] | apply pow_nonzero; assumption
        | apply Rlt_not_eq; nra | intro; nra].

(* exp of a sum is the product of the parts' exponentials. *)
Lemma exp_times : forall x k, exp x ^ k = exp (INR k * x).
Proof.
  intros x k. induction k as [| k IH].
  - rewrite Rmult_0_l, exp_0. reflexivity.
  - rewrite S_INR. simpl pow. rewrite IH, <- exp_plus. f_equal. ring.
Qed.

Ltac exp_parts := unfold Rdiv; rewrite ?exp_times, <- ?exp_Ropp, <- ?exp_plus; simpl INR; f_equal; field; nonzero.

Ltac pow_parts := rewrite ?pow_add, ?pow_mult; simpl pow; ring.

(* --- along a derivative --------------------------------------------------------------------------------------- *)

Lemma rising : forall (f f' : R -> R) a b, a <= b ->
  (forall x, a <= x <= b -> is_derive f x (f' x)) -> (forall x, a <= x <= b -> 0 <= f' x) -> f a <= f b.
Proof.
  intros f f' a b H D S.
  destruct (MVT_gen f a b f') as [c [[L U] E]].
  - intros x [A B]. rewrite Rmin_left in A by lra. rewrite Rmax_right in B by lra. apply D. lra.
  - intros x [A B]. rewrite Rmin_left in A by lra. rewrite Rmax_right in B by lra.
    apply continuity_pt_filterlim, (ex_derive_continuous f x). exists (f' x). apply D. lra.
  - rewrite Rmin_left in L by lra. rewrite Rmax_right in U by lra.
    assert (0 <= f' c) by (apply S; lra). nra.
Qed.

(* --- exp ------------------------------------------------------------------------------------------------------ *)

Lemma exp_positive : forall u, 0 < exp u.
Proof. exact exp_pos. Qed.

Lemma exp_above_line : forall u, 0 <= exp u - 1 - u.
Proof. intro u. assert (H := exp_ineq1_le u). lra. Qed.

Lemma exp_below_pole : forall u, 0 <= 1 - exp u * (1 - u).
Proof.
  intro u. assert (H := exp_ineq1_le (- u)). assert (P := exp_pos u).
  assert (E : exp u * exp (- u) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0). nra.
Qed.

Lemma exp_parabola : forall a b, a <= b ->
  exp a - 1 - a - a ^ 2 / 2 <= exp b - 1 - b - b ^ 2 / 2.
Proof.
  intros a b H.
  apply (rising (fun x => exp x - 1 - x - x ^ 2 / 2) (fun x => exp x - 1 - x) a b H).
  - intros x _. auto_derive; [exact I | field].
  - intros x _. apply exp_above_line.
Qed.

Lemma exp_above_parabola : forall u, u < 0 \/ 0 <= 2 * exp u - 2 - 2 * u - u ^ 2.
Proof.
  intro u. destruct (Rlt_or_le u 0) as [H | H]; [left; exact H | right].
  assert (P := exp_parabola 0 u H). rewrite exp_0 in P. lra.
Qed.

Lemma exp_below_parabola : forall u, u > 0 \/ 0 <= - (2 * exp u - 2 - 2 * u - u ^ 2).
Proof.
  intro u. destruct (Rlt_or_le 0 u) as [H | H]; [left; exact H | right].
  assert (P := exp_parabola u 0 H). rewrite exp_0 in P. lra.
Qed.

Lemma exp_tangent : forall u v, 0 <= exp u - exp v * (1 + (u - v)).
Proof.
  intros u v. assert (H := exp_ineq1_le (u - v)). assert (P := exp_pos v).
  replace (exp u) with (exp v * exp (u - v)) by (rewrite <- exp_plus; f_equal; ring). nra.
Qed.

(* --- ln ------------------------------------------------------------------------------------------------------- *)

Lemma ln_below_line : forall w, w <= 0 \/ 0 <= w - 1 - ln w.
Proof.
  intro w. destruct (Rlt_or_le 0 w) as [H | H]; [right | left; exact H].
  assert (E := exp_ineq1_le (ln w)). rewrite exp_ln in E by exact H. lra.
Qed.

Lemma ln_above_pole : forall w, w <= 0 \/ 0 <= w * ln w - w + 1.
Proof.
  intro w. destruct (Rlt_or_le 0 w) as [H | H]; [right | left; exact H].
  assert (E := exp_ineq1_le (- ln w)). rewrite exp_Ropp, exp_ln in E by exact H.
  assert (I : w * / w = 1) by (apply Rinv_r; lra). nra.
Qed.

Lemma ln_odd : forall a b, 0 < a -> a <= b ->
  ln a * (a + 1) - 2 * (a - 1) <= ln b * (b + 1) - 2 * (b - 1).
Proof.
  intros a b A H.
  apply (rising (fun w => ln w * (w + 1) - 2 * (w - 1)) (fun w => ln w + (w + 1) / w - 2) a b H).
  - intros x X. auto_derive; [lra | field; lra].
  - intros x X. destruct (ln_above_pole x) as [N | N]; [lra |].
    replace (ln x + (x + 1) / x - 2) with ((x * ln x - x + 1) * / x) by (field; lra).
    apply Rmult_le_pos; [exact N | left; apply Rinv_0_lt_compat; lra].
Qed.

Lemma ln_above_odd : forall w, w <= 0 \/ w - 1 < 0 \/ 0 <= ln w * (w + 1) - 2 * (w - 1).
Proof.
  intro w. destruct (Rlt_or_le (w - 1) 0) as [H | H]; [right; left; exact H | right; right].
  assert (P := ln_odd 1 w Rlt_0_1 ltac:(lra)). rewrite ln_1 in P. lra.
Qed.

Lemma ln_below_odd : forall w, w <= 0 \/ 1 - w < 0 \/ 0 <= - (ln w * (w + 1) - 2 * (w - 1)).
Proof.
  intro w. destruct (Rlt_or_le 0 w) as [P | P]; [right | left; exact P].
  destruct (Rlt_or_le (1 - w) 0) as [H | H]; [left; exact H | right].
  assert (O := ln_odd w 1 P ltac:(lra)). rewrite ln_1 in O. lra.
Qed.

Lemma ln_even : forall a b, 0 < a -> a <= b -> a - / a - 2 * ln a <= b - / b - 2 * ln b.
Proof.
  intros a b A H.
  apply (rising (fun w => w - / w - 2 * ln w) (fun w => (1 - / w) ^ 2) a b H).
  - intros x X. auto_derive; [lra | field; lra].
  - intros x _. apply pow2_ge_0.
Qed.

Lemma ln_below_even : forall w, w <= 0 \/ w - 1 < 0 \/ 0 <= w ^ 2 - 1 - 2 * w * ln w.
Proof.
  intro w. destruct (Rlt_or_le (w - 1) 0) as [H | H]; [right; left; exact H | right; right].
  assert (P := ln_even 1 w Rlt_0_1 ltac:(lra)). rewrite ln_1, Rinv_1 in P.
  assert (I : w * / w = 1) by (apply Rinv_r; lra). nra.
Qed.

Lemma ln_above_even : forall w, w <= 0 \/ 1 - w < 0 \/ 0 <= - (w ^ 2 - 1 - 2 * w * ln w).
Proof.
  intro w. destruct (Rlt_or_le 0 w) as [P | P]; [right | left; exact P].
  destruct (Rlt_or_le (1 - w) 0) as [H | H]; [left; exact H | right].
  assert (E := ln_even w 1 P ltac:(lra)). rewrite ln_1, Rinv_1 in E.
  assert (I : w * / w = 1) by (apply Rinv_r; lra). nra.
Qed.

Lemma ln_tangent : forall w v, w <= 0 \/ v <= 0 \/ 0 <= w - v - v * (ln w - ln v).
Proof.
  intros w v. destruct (Rlt_or_le 0 w) as [W | W]; [right | left; exact W].
  destruct (Rlt_or_le 0 v) as [V | V]; [right | left; exact V].
  assert (T := exp_ineq1_le (ln w - ln v)).
  replace (ln w - ln v) with (ln w + - ln v) in T by ring. rewrite exp_plus, exp_Ropp, !exp_ln in T by assumption.
  assert (I : v * / v = 1) by (apply Rinv_r; lra). nra.
Qed.

Lemma ln_exp_above : forall u w, w <= 0 \/ 0 <= w - exp u - exp u * (ln w - u).
Proof.
  intros u w. destruct (ln_tangent w (exp u)) as [H | [H | H]]; [left; exact H | | right].
  - assert (P := exp_pos u). lra.
  - rewrite ln_exp in H. exact H.
Qed.

Lemma ln_exp_below : forall u w, w <= 0 \/ 0 <= w * (ln w - u) - w + exp u.
Proof.
  intros u w. destruct (ln_tangent (exp u) w) as [H | [H | H]]; [| left; exact H | right].
  - assert (P := exp_pos u). lra.
  - rewrite ln_exp in H. lra.
Qed.

Lemma ln_product : forall a b, a <= 0 \/ b <= 0 \/ ln (a * b) - (ln a + ln b) = 0.
Proof.
  intros a b. destruct (Rlt_or_le 0 a) as [A | A]; [right | left; exact A].
  destruct (Rlt_or_le 0 b) as [B | B]; [right | left; exact B]. rewrite ln_mult by assumption. ring.
Qed.

(* --- sqrt ----------------------------------------------------------------------------------------------------- *)

Lemma sqrt_nonnegative : forall w, 0 <= sqrt w.
Proof. exact sqrt_pos. Qed.

Lemma sqrt_squared : forall w, w < 0 \/ sqrt w ^ 2 = w.
Proof.
  intro w. destruct (Rlt_or_le w 0) as [H | H]; [left; exact H | right].
  simpl. rewrite Rmult_1_r. apply sqrt_sqrt, H.
Qed.

Lemma sqrt_between : forall w c, 0 <= c -> (c ^ 2 <= w -> c <= sqrt w) /\ (w <= c ^ 2 -> sqrt w <= c).
Proof.
  intros w c C. split; intro H; rewrite <- (sqrt_pow2 c C); apply sqrt_le_1_alt, H.
Qed.

Lemma le_of_squares : forall l r b, 0 <= r -> r ^ 2 = b -> l ^ 2 <= b -> l <= r.
Proof. intros l r b R <- H. apply Rnot_lt_le. intro. nra. Qed.

Lemma squares_of_le : forall l r, 0 <= l -> l <= r -> l ^ 2 <= r ^ 2.
Proof. intros l r L H. apply pow_incr. split; assumption. Qed.

(* --- powers b^k, k = 0, 1, 2, ... ----------------------------------------------------------------------------- *)

Lemma pow_positive : forall b k, b <= 0 \/ 0 < b ^ k.
Proof. intros b k. destruct (Rlt_or_le 0 b) as [H | H]; [right; apply pow_lt, H | left; exact H]. Qed.

Lemma pow_nonnegative : forall b k, b < 0 \/ 0 <= b ^ k.
Proof. intros b k. destruct (Rlt_or_le b 0) as [H | H]; [left; exact H | right; apply pow_le, H]. Qed.

Lemma pow_zero : forall b k, INR k <> 0 \/ b ^ k - 1 = 0.
Proof.
  intros b [| k]; [right; simpl; ring | left; apply not_0_INR; discriminate].
Qed.

Lemma pow_at_least_one : forall b k, b - 1 < 0 \/ INR k < 0 \/ 0 <= b ^ k - 1.
Proof.
  intros b k. destruct (Rlt_or_le (b - 1) 0) as [H | H]; [left; exact H | right; right].
  assert (P : 1 <= b ^ k) by (apply pow_R1_Rle; lra). lra.
Qed.

Lemma pow_at_most_one : forall b k, b < 0 \/ 1 - b < 0 \/ INR k < 0 \/ 0 <= 1 - b ^ k.
Proof.
  intros b k. destruct (Rlt_or_le b 0) as [L | L]; [left; exact L | right].
  destruct (Rlt_or_le (1 - b) 0) as [U | U]; [left; exact U | right; right].
  assert (P : b ^ k <= 1 ^ k) by (apply pow_incr; lra). rewrite pow1 in P. lra.
Qed.

Lemma bernoulli_nat : forall b k, 0 <= b -> 0 <= b ^ k - 1 - INR k * (b - 1).
Proof.
  intros b k B. induction k as [| k IH]; [simpl; lra |].
  rewrite S_INR. simpl pow. assert (P := pow_le b k B). assert (N := pos_INR k).
  assert (S : 0 <= INR k * (b - 1) ^ 2) by (apply Rmult_le_pos; [exact N | apply pow2_ge_0]). nra.
Qed.

Lemma bernoulli : forall b k, b < 0 \/ INR k - 1 < 0 \/ 0 <= b ^ k - 1 - INR k * (b - 1).
Proof.
  intros b k. destruct (Rlt_or_le b 0) as [L | L]; [left; exact L | right; right]. apply bernoulli_nat, L.
Qed.

Lemma integer_gap : forall k, - INR k >= 0 \/ 0 <= INR k - 1.
Proof.
  intros [| k]; [left; simpl; lra | right]. rewrite S_INR. assert (N := pos_INR k). lra.
Qed.

Lemma pow_below_base : forall b k, b < 0 \/ 1 - b < 0 \/ INR k - 1 < 0 \/ 0 <= b - b ^ k.
Proof.
  intros b [| k]; [right; right; left; simpl; lra |].
  destruct (pow_at_most_one b k) as [H | [H | [H | H]]]; [left; exact H | right; left; exact H | |].
  - assert (N := pos_INR k). lra.
  - destruct (Rlt_or_le b 0) as [L | L]; [left; exact L | right; right; right]. simpl pow. nra.
Qed.

Lemma bernoulli_inverse : forall b k, b <= 0 \/ INR k - 1 < 0 \/ 0 <= b - b ^ k * (b + INR k * (1 - b)).
Proof.
  intros b k. destruct (Rlt_or_le 0 b) as [L | L]; [right; right | left; exact L].
  assert (I : 0 < / b) by (apply Rinv_0_lt_compat, L).
  assert (B := bernoulli_nat (/ b) k (Rlt_le _ _ I)). rewrite pow_inv in B.
  assert (P : 0 < b ^ k) by (apply pow_lt, L).
  assert (Q : 0 <= b * b ^ k * (/ b ^ k - 1 - INR k * (/ b - 1))) by (apply Rmult_le_pos; [nra | exact B]).
  replace (b - b ^ k * (b + INR k * (1 - b))) with (b * b ^ k * (/ b ^ k - 1 - INR k * (/ b - 1)))
    by (field; split; lra).
  exact Q.
Qed.

Lemma pow_not_zero : forall b k, b = 0 \/ b ^ k <> 0.
Proof. intros b k. destruct (Req_dec b 0) as [H | H]; [left; exact H | right; apply pow_nonzero, H]. Qed.

Lemma pow_monotone : forall a b k, a < 0 \/ b - a < 0 \/ INR k < 0 \/ 0 <= b ^ k - a ^ k.
Proof.
  intros a b k. destruct (Rlt_or_le a 0) as [L | L]; [left; exact L | right].
  destruct (Rlt_or_le (b - a) 0) as [U | U]; [left; exact U | right; right].
  assert (P : a ^ k <= b ^ k) by (apply pow_incr; lra). lra.
Qed.

Lemma pow_below_exp : forall b k, b < 0 \/ INR k < 0 \/ 0 <= exp (INR k * (b - 1)) - b ^ k.
Proof.
  intros b k. destruct (Rlt_or_le b 0) as [L | L]; [left; exact L | right; right].
  rewrite <- exp_times. assert (E := exp_ineq1_le (b - 1)).
  assert (P : b ^ k <= exp (b - 1) ^ k) by (apply pow_incr; lra). lra.
Qed.

(* --- max, min, |u| -------------------------------------------------------------------------------------------- *)

Lemma max_left : forall a b, 0 <= Rmax a b - a.
Proof. intros a b. assert (H := Rmax_l a b). lra. Qed.

Lemma max_right : forall a b, 0 <= Rmax a b - b.
Proof. intros a b. assert (H := Rmax_r a b). lra. Qed.

Lemma max_either : forall a b, Rmax a b - a = 0 \/ Rmax a b - b = 0.
Proof. intros a b. unfold Rmax. destruct (Rle_dec a b); lra. Qed.

Lemma min_left : forall a b, 0 <= - (Rmin a b - a).
Proof. intros a b. assert (H := Rmin_l a b). lra. Qed.

Lemma min_right : forall a b, 0 <= - (Rmin a b - b).
Proof. intros a b. assert (H := Rmin_r a b). lra. Qed.

Lemma min_either : forall a b, Rmin a b - a = 0 \/ Rmin a b - b = 0.
Proof. intros a b. unfold Rmin. destruct (Rle_dec a b); lra. Qed.

Lemma abs_right : forall u, 0 <= Rabs u - u.
Proof. intro u. assert (H := Rle_abs u). lra. Qed.

Lemma abs_left : forall u, 0 <= Rabs u + u.
Proof. intro u. assert (H := Rle_abs (- u)). rewrite Rabs_Ropp in H. lra. Qed.

Lemma abs_either : forall u, Rabs u - u = 0 \/ Rabs u + u = 0.
Proof. intro u. unfold Rabs. destruct (Rcase_abs u); lra. Qed.

(* --- sin, cos ------------------------------------------------------------------------------------------------- *)

Lemma sin_cos_circle : forall u, sin u ^ 2 + cos u ^ 2 - 1 = 0.
Proof. intro u. assert (H := sin2_cos2 u). unfold Rsqr in H. lra. Qed.

Lemma sin_below_line : forall u, u < 0 \/ 0 <= u - sin u.
Proof.
  intro u. destruct (Rlt_or_le u 0) as [H | H]; [left; exact H | right].
  assert (P := rising (fun x => x - sin x) (fun x => 1 - cos x) 0 u H). simpl in P. rewrite sin_0 in P.
  assert (0 - 0 <= u - sin u); [apply P | lra].
  - intros x _. auto_derive; [exact I | ring].
  - intros x _. assert (B := COS_bound x). lra.
Qed.

Lemma sin_above_line : forall u, u > 0 \/ 0 <= sin u - u.
Proof.
  intro u. destruct (sin_below_line (- u)) as [H | H]; [left; lra | right]. rewrite sin_neg in H. lra.
Qed.

Lemma cos_above_right : forall u, 0 <= u -> 0 <= 2 * cos u - 2 + u ^ 2.
Proof.
  intros u H.
  assert (P := rising (fun x => 2 * cos x - 2 + x ^ 2) (fun x => 2 * (x - sin x)) 0 u H). simpl in P.
  rewrite cos_0 in P. assert (2 * 1 - 2 + 0 * (0 * 1) <= 2 * cos u - 2 + u * (u * 1)); [apply P | simpl; lra].
  - intros x _. auto_derive; [exact I | ring].
  - intros x [X _]. destruct (sin_below_line x); lra.
Qed.

Lemma cos_above_parabola : forall u, 0 <= 2 * cos u - 2 + u ^ 2.
Proof.
  intro u. destruct (Rle_or_lt 0 u) as [H | H]; [exact (cos_above_right u H) |].
  assert (P := cos_above_right (- u) ltac:(lra)). rewrite cos_neg in P. simpl in P |- *. lra.
Qed.

Lemma sin_above_cubic : forall u, u < 0 \/ 0 <= 6 * sin u - 6 * u + u ^ 3.
Proof.
  intro u. destruct (Rlt_or_le u 0) as [H | H]; [left; exact H | right].
  assert (P := rising (fun x => 6 * sin x - 6 * x + x ^ 3) (fun x => 3 * (2 * cos x - 2 + x ^ 2)) 0 u H). simpl in P.
  rewrite sin_0 in P. assert (6 * 0 - 6 * 0 + 0 * (0 * (0 * 1)) <= 6 * sin u - 6 * u + u * (u * (u * 1)));
    [apply P | simpl; lra].
  - intros x _. auto_derive; [exact I | ring].
  - intros x _. assert (C := cos_above_parabola x). simpl in C. lra.
Qed.

Lemma cos_below_right : forall u, 0 <= u -> 0 <= 24 - 12 * u ^ 2 + u ^ 4 - 24 * cos u.
Proof.
  intros u H.
  assert (P := rising (fun x => 24 - 12 * x ^ 2 + x ^ 4 - 24 * cos x) (fun x => 4 * (6 * sin x - 6 * x + x ^ 3)) 0 u H).
  simpl in P. rewrite cos_0 in P.
  assert (24 - 12 * (0 * (0 * 1)) + 0 * (0 * (0 * (0 * 1))) - 24 * 1
          <= 24 - 12 * (u * (u * 1)) + u * (u * (u * (u * 1))) - 24 * cos u); [apply P | simpl; lra].
  - intros x _. auto_derive; [exact I | ring].
  - intros x [X _]. destruct (sin_above_cubic x) as [N | N]; [lra | simpl in N; lra].
Qed.

Lemma cos_below_quartic : forall u, 0 <= 24 - 12 * u ^ 2 + u ^ 4 - 24 * cos u.
Proof.
  intro u. destruct (Rle_or_lt 0 u) as [H | H]; [exact (cos_below_right u H) |].
  assert (P := cos_below_right (- u) ltac:(lra)). rewrite cos_neg in P. simpl in P |- *. lra.
Qed.
