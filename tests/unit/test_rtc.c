/* SPDX-License-Identifier: MIT
 * test_rtc.c - the battery clock in every mode it may be found in, and dates around leap days.
 */
#include "arch/x86_64/rtc.c"

#include "host/harness.h"

struct acpi_info acpi;

static u8 cmos[128], selected;
static unsigned updating; /* reads of register A that still say "updating" */
static void (*on_read)(void);

void outb(u16 port, u8 v)
{
	CHECK_EQ(port, CMOS_INDEX);
	selected = v;
}

u8 inb(u16 port)
{
	CHECK_EQ(port, CMOS_DATA);
	if (selected == REG_A)
		return updating ? updating--, A_UPDATING : 0;
	if (on_read)
		on_read();
	return cmos[selected];
}

static u8 bcd(unsigned v) { return (u8)(v / 10 << 4 | v % 10); }

static void set_clock(unsigned year, u8 month, u8 day, u8 hour, u8 min, u8 sec)
{
	memset(cmos, 0, sizeof(cmos));
	acpi.century = 0x32;
	on_read = NULL;
	cmos[0] = bcd(sec);
	cmos[2] = bcd(min);
	cmos[4] = bcd(hour);
	cmos[7] = bcd(day);
	cmos[8] = bcd(month);
	cmos[9] = bcd(year % 100);
	cmos[0x32] = bcd(year / 100);
	cmos[REG_B] = B_24H;
}

TEST(dates_are_counted_through_leap_years)
{
	set_clock(1970, 1, 1, 0, 0, 1);
	CHECK_EQ(rtc_read(), 1);
	set_clock(2000, 2, 29, 12, 0, 0);
	CHECK_EQ(rtc_read(), 951825600);
	set_clock(2023, 12, 31, 23, 59, 59);
	CHECK_EQ(rtc_read(), 1704067199);
	set_clock(2024, 3, 1, 0, 0, 0);
	CHECK_EQ(rtc_read(), 1709251200);
	set_clock(2100, 3, 1, 0, 0, 0);
	CHECK_EQ(rtc_read(), 4107542400);
}

TEST(twelve_hour_clocks_know_noon_and_midnight)
{
	set_clock(2024, 3, 1, 12, 30, 0);
	cmos[REG_B] = 0;
	CHECK_EQ(rtc_read(), 1709251200 + 30 * 60); /* 12:30 am */
	cmos[4] |= 0x80;
	CHECK_EQ(rtc_read(), 1709251200 + 12 * 3600 + 30 * 60);
	cmos[4] = bcd(11) | 0x80;
	CHECK_EQ(rtc_read(), 1709251200 + 23 * 3600 + 30 * 60);
}

TEST(binary_clocks_are_read_too)
{
	set_clock(2024, 3, 1, 0, 0, 0);
	cmos[REG_B] = B_24H | B_BINARY;
	cmos[9] = 24;
	cmos[0x32] = 20;
	cmos[0] = 45;
	CHECK_EQ(rtc_read(), 1709251200 + 45);
}

TEST(without_a_century_it_is_this_one)
{
	set_clock(2024, 3, 1, 0, 0, 0);
	acpi.century = 0;
	CHECK_EQ(rtc_read(), 1709251200);
}

static void tick_once(void)
{
	on_read = NULL;
	cmos[0] = 0; /* between the first reading of the seconds and that of the minutes */
	cmos[2] = bcd(6);
}

TEST(an_update_between_two_registers_does_no_harm)
{
	set_clock(2024, 3, 1, 0, 5, 59);
	on_read = tick_once;
	updating = 3;
	CHECK_EQ(rtc_read(), 1709251200 + 6 * 60);
}

TEST(a_clock_without_a_date_reads_as_nothing)
{
	set_clock(2024, 0, 0, 0, 0, 0);
	CHECK_EQ(rtc_read(), 0);
	set_clock(2024, 13, 1, 0, 0, 0);
	CHECK_EQ(rtc_read(), 0);
}
