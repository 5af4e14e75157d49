/* SPDX-License-Identifier: MIT
 * rtc.c - MC146818 clock in CMOS: date and time once at boot, from then on the TSC counts.
 */
#include "arch/x86_64/rtc.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/io.h"
#include "lib/string.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define REG_A      0x0a
#define REG_B      0x0b
#define A_UPDATING 0x80
#define B_24H      0x02
#define B_BINARY   0x04
#define TRIES      10000 /* reads while an update is going on: more than 2 ms */

struct rtc_time {
	u8 sec, min, hour, day, month, year, century;
};

static u8 cmos_read(u8 reg)
{
	outb(CMOS_INDEX, reg);
	return inb(CMOS_DATA);
}

static struct rtc_time rtc_sample(void)
{
	unsigned tries = TRIES;

	while (cmos_read(REG_A) & A_UPDATING && --tries)
		cpu_relax();
	return (struct rtc_time){
		.sec = cmos_read(0),
		.min = cmos_read(2),
		.hour = cmos_read(4),
		.day = cmos_read(7),
		.month = cmos_read(8),
		.year = cmos_read(9),
		.century = acpi.century ? cmos_read(acpi.century) : 0,
	};
}

static u8 from_bcd(u8 v) { return (v >> 4) * 10 + (v & 15); }

static void rtc_decode(struct rtc_time *t, u8 mode)
{
	bool pm = t->hour & 0x80;

	t->hour &= 0x7f;
	if (!(mode & B_BINARY)) {
		t->sec = from_bcd(t->sec);
		t->min = from_bcd(t->min);
		t->hour = from_bcd(t->hour);
		t->day = from_bcd(t->day);
		t->month = from_bcd(t->month);
		t->year = from_bcd(t->year);
		t->century = from_bcd(t->century);
	}
	if (!(mode & B_24H))
		t->hour = t->hour % 12 + (pm ? 12 : 0);
}

/* Days from 1970-01-01 to a Gregorian date: years are counted from March, so that the leap day ends one. */
static u64 days_since_1970(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned from_march = (month + 9) % 12;
	u64 day_of_year = (153 * from_march + 2) / 5 + day - 1;

	return 365ull * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

u64 rtc_read(void)
{
	struct rtc_time t = rtc_sample(), again;
	unsigned tries = 5, year;

	/* Twice the same: no update came between the registers. */
	while (again = rtc_sample(), memcmp(&t, &again, sizeof(t)) && --tries)
		t = again;
	rtc_decode(&t, cmos_read(REG_B));
	year = t.year + (t.century >= 19 && t.century < 30 ? t.century * 100u : 2000u);
	if (year < 1970 || !t.month || t.month > 12 || !t.day || t.day > 31)
		return 0;
	return days_since_1970(year, t.month, t.day) * 86400 + t.hour * 3600u + t.min * 60u + t.sec;
}
