"""When do people walk? A month of real step counts of 33 people, as `make run` loads them.

    pip install 'pointspace[pandas]'

Open this file in Jupyter (with jupytext), VS Code or Spyder: each `# %%` begins a cell. Run as a
program it prints its tables, and takes the URL of the server.
"""

# %%
import sys

import pandas as pd

from psd.client import Client

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:1155"
psd = Client(url)  # Nobody has to close it.
start, end = "2016-04-12", "2016-05-12"

# %% Who walked most, and how far ahead of the next
board = psd.top("steps", limit=10, start=start, end=end).to_pandas().set_index("rank")
board["ahead"] = board["value"].diff(-1).fillna(0).astype(int)
print(board[["uid", "value", "percentile", "ahead"]], end="\n\n")

# %% The hours of a day: each hour of the month, over all ten
ten = [*board["uid"]]
hours = psd.series(thing="steps", uid=ten, every="hour", start=start, end=end).to_pandas()
by_hour = hours.groupby(hours["start"].dt.hour)["sum"].mean() / len(ten)
print(by_hour.round().astype(int).rename_axis("hour").to_string(), end="\n\n")

# %% Weekdays, one column a person
days = psd.series(
    thing="steps", uid=ten[:3], every="day", by="uid", start=start, end=end
).to_pandas()
names = pd.date_range("2016-04-11", periods=7).day_name()
days["weekday"] = pd.Categorical(days["start"].dt.day_name(), names, ordered=True)
table = days.pivot_table(index="weekday", columns="uid", values="sum", observed=True)
print(table.round().astype(int))
