/*
 * places.pml: who gets the next place of a log (AMB-PST-14), and rotations beside it (AMB-PST-15); SPEC.md 9.3.
 *
 * A is honest and has two devices that send, race each other and are slow at will. B is the adversary: its commits come at
 * any time, in any number, for any place, true or stale; so it does also what an honest B does. Time is whether the ten
 * seconds of the account that comes first are over, which may happen at any moment. Rotations of both sides come at any time.
 *
 * Nothing counts up: a commit under way is known by how many places were taken since it was made (0, 1, or more), so that
 * the log, the attempts and the time are without bound here.
 *
 * Not delays of this kind, and left out: a commit that comes after a rotation of either side (stale-epoch), and a start under
 * old prekeys (unknown-prekey, AMB-PST-13). Both are refused before the place is looked at, change nothing of it, and are in
 * the recipient's hands, without whose keys there is nothing to send.
 */

#define A 1
#define B 2
#define other(a) (3 - (a))

/* the post office */
byte first, second;             /* the accounts that wait, 0 if none */
byte by;                        /* who took the last place */
byte row;                       /* how many places in a row: 1, or 2 for more */
bit spent[4];                   /* has waited for this place already, for a race that it lost */

/* the devices of A */
bit under[2];                   /* a commit is under way */
byte lag[2];                    /* places that were taken since it was made: 0, 1, or 2 for more */
bit clean[2];                   /* none of them by a sibling */
bit old[2];                     /* a rotation was accepted since */
bit turn[2];                    /* when it was made, A did not wait, or was the first */
byte delays[2];                 /* attempts that others have thwarted */

bit rotating;                   /* A's leader has a rotation under way */
bit moved;                      /* a place was taken since it was made */

byte idle[4];                   /* times the place was kept for who did not come, since the other had its own time */
byte i;

inline join(a) {
	if
	:: first == 0 -> first = a
	:: first != 0 && first != a && second == 0 -> second = a
	:: else
	fi
}

/* lose: a commit that lost a race against the other account. */
inline lose(a) {
#ifdef NO_SPENT
	join(a);
#else
	if
	:: spent[a]
	:: else -> join(a); spent[a] = 1
	fi;
#endif
}

inline take(a) {
	if
	:: by == a -> row = 2
	:: else -> by = a; row = 1
	fi;
	if
	:: first == a -> first = second; second = 0
	:: else -> if :: second == a -> second = 0 :: else fi
	fi;
#ifdef SPENT_CLEARED
	spent[A] = 0; spent[B] = 0;
#else
	spent[A] = (first == A); spent[B] = (first == B);       /* who waits on has its time for this place */
#endif
	idle[A] = 0; idle[B] = 0; moved = rotating;
	i = 0;
	do
	:: i < 2 ->
		if
		:: under[i] -> lag[i] = (lag[i] == 0 -> 1 : 2); clean[i] = clean[i] && a == B
		:: else
		fi;
		if
		:: a == A -> delays[i] = 0
		:: else
		fi;
		i++
	:: else -> i = 0; break
	od
}

/* commit: the post office gets an entry of the account. behind: places taken since it was made; raced: all by the other. */
inline commit(a, behind, raced) {
#ifdef OLD_PLACES
	/* AMB-PST-06 as it was: after any conflict the next place is kept for who was refused, anew each time */
	if
	:: behind == 0 && (first == 0 || first == a) -> taken = 1; take(a); first = 0
	:: else -> taken = 0; first = (first == 0 || first == a -> a : first)
	fi
#else
	if
	:: behind == 0 && (first == 0 || first == a) -> taken = 1; take(a)
	#ifdef NO_QUEUE
	:: behind == 0 && first == other(a) -> taken = 0
#else
	:: behind == 0 && first == other(a) -> taken = 0; join(a)
#endif
#ifdef LAST_ONLY
	:: behind == 1 && raced -> taken = 0; lose(a)
	:: behind > 1 || behind == 1 && !raced -> taken = 0
#else
	:: behind > 0 && raced -> taken = 0; lose(a)
#ifdef SIBLINGS_JOIN
	:: behind > 0 && !raced -> taken = 0; lose(a)
#else
	:: behind > 0 && !raced -> taken = 0
#endif
#endif
	fi
#endif
}
bit taken;
byte was, was2;                 /* who waited before */

/* arrive: the commit of A's device d reaches the post office. */
inline arrive(d) {
	d_step {
		under[d] = 0; was = first; was2 = second;
		if
		:: old[d]                                               /* stale-epoch */
		:: else ->
			commit(A, lag[d], clean[d]);
			printf("A%d: commit, %d places late, %d=raced, %d=accepted; waiting: %d %d\n", d + 1, lag[d], clean[d], taken, first, second);
			if
			:: !taken && clean[d] ->
				if
				:: turn[d] -> delays[d]++
				:: else
				fi;
				assert(delays[d] <= 1)                          /* AMB-INV-21: one attempt, and no more */
			:: !taken && !clean[d] ->
				assert(first == was && second == was2)          /* siblings that race do not show (AMB-INV-17) */
			:: else
			fi
		fi;
		lag[d] = 0; clean[d] = 0; old[d] = 0; turn[d] = 0; taken = 0; was = 0; was2 = 0
	}
}

inline make(d) {
	under[d] = 1; clean[d] = 1; turn[d] = (second != A)
}

/* expire: the first one's ten seconds are over. */
inline expire() {
	d_step {
		printf("the time of %d is over; waiting: %d\n", first, second);
		idle[first]++; idle[other(first)] = 0;
		assert(idle[first] <= 1);                               /* a place is not kept twice for who does not come */
		if
		:: first == A ->                                        /* A did not come within its time: what is under way is late */
			delays[0] = 0; delays[1] = 0; turn[0] = 0; turn[1] = 0
		:: else
		fi;
		first = second; second = 0
	}
}

inline rotated() {
	old[0] = under[0]; old[1] = under[1]
}

active proctype world() {
	do
	:: atomic { !under[0] -> make(0) }
	:: atomic { !under[1] -> make(1) }
	:: under[0] -> arrive(0)
	:: under[1] -> arrive(1)
	:: d_step { commit(B, 0, 0); printf("B: commit, %d=accepted; waiting: %d %d\n", taken, first, second); taken = 0 }
	:: d_step { by == A -> commit(B, 1, 1); printf("B: stale commit; waiting: %d %d\n", first, second); taken = 0 }
	:: d_step { by == A && row == 2 -> commit(B, 2, 1); printf("B: stale commit; waiting: %d %d\n", first, second); taken = 0 }
	:: d_step { by == B -> commit(B, 1, 0); printf("B: commit for a place it has; waiting: %d %d\n", first, second); taken = 0 }
	:: first != 0 -> expire()
	:: d_step { !rotating -> rotating = 1 }
	:: d_step { rotating ->
		printf("A: rotation, %d=behind\n", moved);
#ifdef OLD_CUTS
		assert(!moved);                                         /* AMB-INV-21: a rotation never */
#endif
		rotating = 0; moved = 0; rotated() }
	:: d_step { rotated() }                                     /* a rotation of B */
	od
}
