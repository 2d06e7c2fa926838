/*
 * commits.pml: what leaves a device, and what comes of it (SPEC.md 9.2, 9.3, 11.4): numbers, announcements, the end of a
 * commit that was given up, and the epochs that a leader signs.
 *
 * A leader commits entries and rotations. The network loses a commit or a call on its way in, or the answer on its way back,
 * holds commits back as long as it likes, and repeats them. The device stops at any moment and goes on from what it stored.
 * Once, a copy of what it has stored is taken, at any moment, and at any later moment it is set back to it. With BOTH, device
 * and copy run side by side from then on. A commit with another content than before is one with other keys.
 */

#ifndef NUMBERS
#define NUMBERS 5
#endif
#define NET 2
#ifdef BOTH
#define both 1
#else
#define both 0
#endif

/* what a device stores: 0 the device, 1 the copy */
bit runs[2];
byte number[2];                 /* of its newest commit */
byte epoch[2];                  /* the last that it has opened */
byte highestsigned[2];                 /* the highest that it has signed (AMB-ROT-14) */
byte under[2];                  /* the content of the commit under way, 0 if none */
byte opens[2];                  /* the epoch that it opens, 0 if it is an entry */
/* what it does not store */
bit caughtup[2];                /* it has read its mailbox to the end (AMB-SYN-10) */
bit out[2];                     /* the commit under way was let out */
bit dead[2];                    /* it has learned that it was set back (AMB-SYN-11) */

/* the post office */
byte arrived;                   /* the highest number of a commit that came */
byte announced;                 /* the highest number announced (AMB-SYN-16) */
byte over;                      /* what comes with this number or a lower one is refused (9.4) */
byte current = 1;               /* the epoch of the account */

byte content[NET], num[NET], ep[NET], from[NET];        /* under way: content, number, the epoch it opens, the epoch it ends */

/* ghosts */
byte contents;                  /* drawn so far */
byte left[NUMBERS + 2];         /* what left under each number */
byte statement[NUMBERS + 3];    /* what was signed for each epoch and left */
int accepted, gaveup;           /* masks of contents */
bit copied;
byte i;

inline drop(x) {
	under[x] = 0; opens[x] = 0; out[x] = 0
}

inline stop(x) {
	caughtup[x] = 0; out[x] = 0
}

/* make: a commit is made and stored, before anything of it leaves (AMB-SYN-02). */
inline make(x, rotation) {
	d_step {
		number[x]++; contents++; under[x] = contents; out[x] = 0;
		if
		:: rotation ->
#ifdef OLD_EPOCH
			opens[x] = epoch[x] + 1;
#else
			opens[x] = (highestsigned[x] > epoch[x] -> highestsigned[x] : epoch[x]) + 1;
#endif
			highestsigned[x] = opens[x]
		:: else -> opens[x] = 0
		fi;
		printf("device %d makes number %d, content %d, opens %d\n", x, number[x], under[x], opens[x])
	}
}

/* let: the commit leaves. */
inline let(x) {
	assert(left[number[x]] == 0 || left[number[x]] == under[x]);    /* AMB-INV-05, 15 */
	left[number[x]] = under[x];
	if
	:: opens[x] ->
#ifndef BOTH
		assert(statement[opens[x]] == 0 || statement[opens[x]] == under[x]);    /* AMB-ROT-14 */
#endif
		statement[opens[x]] = under[x]
	:: else
	fi;
	out[x] = 1;
	i = 0;
	do
	:: i < NET && content[i] != 0 -> i++
	:: else -> break
	od;
	if
	:: i < NET -> content[i] = under[x]; num[i] = number[x]; ep[i] = opens[x]; from[i] = epoch[x]
	:: else                                                 /* lost on the way in */
	fi;
	i = 0;
	printf("device %d lets number %d out, content %d\n", x, number[x], under[x])
}

/* announce: AMB-SYN-16. lost: the answer does not come. A number is announced once: the commit is dropped. */
inline announce(x, lost) {
	d_step {
		printf("device %d announces %d, highest %d, %d=answer lost\n", x, number[x], announced, lost);
		if
		:: !lost && announced < number[x] -> announced = number[x]; let(x)
		:: !lost && announced >= number[x] -> dead[x] = 1; drop(x)
		:: lost ->
			announced = (number[x] > announced -> number[x] : announced);
#ifndef ANNOUNCE_AGAIN
			drop(x)
#endif
		fi
	}
}

/* fetch: the mailbox to its end, with over = its number. */
inline fetch(x) {
	d_step {
		printf("device %d reads its mailbox, number %d, highest %d\n", x, number[x], announced);
		if
		:: announced > number[x] -> dead[x] = 1; drop(x)          /* AMB-SYN-11 */
		:: else ->
#ifndef NO_OVER
			over = number[x];
#endif
			caughtup[x] = 1;
			if
			:: under[x] != 0 && (accepted & (1 << under[x])) -> drop(x)
			:: under[x] != 0 && !(accepted & (1 << under[x])) -> gaveup = gaveup | (1 << under[x]); drop(x)    /* AMB-SYN-14 */
			:: else
			fi;
			epoch[x] = current
		fi
	}
}

/* deliver: a commit comes to the post office, which takes it, or refuses it for a reason that does not matter here. */
inline deliver(j, refuse, again) {
	d_step {
		if
		:: num[j] > arrived && num[j] > over ->
			arrived = num[j];
			if
			:: !refuse && from[j] == current && (ep[j] == 0 || ep[j] > current) ->
				printf("number %d is accepted, content %d\n", num[j], content[j]);
				assert(!(gaveup & (1 << content[j])));          /* what was given up and reported is not accepted later */
				accepted = accepted | (1 << content[j]);
				current = (ep[j] -> ep[j] : current)
			:: else -> printf("number %d is refused, content %d\n", num[j], content[j])
			fi
		:: else                                                 /* duplicate */
		fi;
		if
		:: again
		:: else -> content[j] = 0; num[j] = 0; ep[j] = 0; from[j] = 0
		fi
	}
}

active proctype world() {
	byte x, j;
	runs[0] = 1; caughtup[0] = 1; epoch[0] = 1; highestsigned[0] = 1;
	do
	:: d_step { !copied -> copied = 1; runs[1] = both; number[1] = number[0]; epoch[1] = epoch[0]; highestsigned[1] = highestsigned[0];
		under[1] = under[0]; opens[1] = opens[0]; printf("a copy is taken\n") }
	:: d_step { copied && !runs[1] -> runs[1] = 1; runs[0] = 0; drop(0); stop(0); printf("the device is set back\n") }
	:: atomic {
		if
		:: runs[0] -> x = 0
		:: runs[1] -> x = 1
		fi;
		if
		:: !dead[x] && caughtup[x] && under[x] == 0 && number[x] < NUMBERS -> if :: make(x, 0) :: make(x, 1) fi
#ifdef NO_ANNOUNCE
		:: !dead[x] && caughtup[x] && under[x] != 0 && !out[x] -> d_step { let(x) }
#else
		:: !dead[x] && caughtup[x] && under[x] != 0 && !out[x] -> if :: announce(x, 0) :: announce(x, 1) fi
#endif
		:: !dead[x] -> fetch(x)
		:: stop(x)
		fi;
		assert(!dead[0] || copied);                             /* an honest device does not take itself for set back */
		x = 0 }
	:: atomic {
		if
		:: content[0] != 0 -> j = 0
		:: content[1] != 0 -> j = 1
		fi;
		if
		:: deliver(j, 0, 0)
		:: deliver(j, 1, 0)
		:: deliver(j, 0, 1)
		:: d_step { content[j] = 0; num[j] = 0; ep[j] = 0; from[j] = 0 }
		fi;
		j = 0 }
	od
}
